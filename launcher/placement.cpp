#include "launcher/placement.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

namespace resnext::launcher {
namespace {

/// Ranks that each host can hold: one for each GPU, or with `threads` cores for each.
std::vector<int> capacities(const PlacementRequest& request) {
  const int threads = request.threads.value_or(1);
  std::vector<int> result;
  for (const Host& host : request.hosts) {
    result.push_back(request.gpus > 0 ? request.gpus : std::max(1, host.cores / threads));
  }
  return result;
}

int most_suitable_ranks(const PlacementRequest& request, int capacity) {
  for (int ranks = std::min(capacity, request.replicas); ranks > 1; --ranks) {
    if (ranks_suit_replicas(ranks, request)) return ranks;
  }
  return 1;
}

/// One rank after the other to the host with the most room for one more (D'Hondt's rule: no host
/// is filled beyond its capacity while another has room). The first of equals wins.
std::vector<int> share_out(int ranks, const std::vector<int>& capacity) {
  std::vector<int> shares(capacity.size(), 0);
  for (int rank = 0; rank < ranks; ++rank) {
    std::size_t best = 0;
    for (std::size_t host = 1; host < capacity.size(); ++host) {
      const auto room = static_cast<long>(capacity[host]) * (shares[best] + 1);
      const auto most = static_cast<long>(capacity[best]) * (shares[host] + 1);
      if (room > most) best = host;
    }
    ++shares[best];
  }
  return shares;
}

int threads_that_fit(const std::vector<Host>& hosts, const std::vector<int>& shares) {
  int threads = std::numeric_limits<int>::max();
  for (std::size_t host = 0; host < hosts.size(); ++host) {
    if (shares[host] > 0) threads = std::min(threads, hosts[host].cores / shares[host]);
  }
  return std::max(1, threads);
}

}  // namespace

bool ranks_suit_replicas(int ranks, const PlacementRequest& request) {
  if (ranks < 1 || request.replicas % ranks != 0) return false;
  const int batches = request.replicas / ranks * request.accumulate;
  return !request.exact || ranks == 1 || std::has_single_bit(static_cast<unsigned>(batches));
}

Placement place(const PlacementRequest& request) {
  const std::vector<int> capacity = capacities(request);
  Placement placement;
  placement.ranks = request.ranks.value_or(
      most_suitable_ranks(request, std::accumulate(capacity.begin(), capacity.end(), 0)));
  placement.ranks_on_host = share_out(placement.ranks, capacity);
  placement.threads =
      request.threads.value_or(threads_that_fit(request.hosts, placement.ranks_on_host));
  for (std::size_t host = 0; host < request.hosts.size(); ++host) {
    if (placement.ranks_on_host[host] * placement.threads > request.hosts[host].cores &&
        placement.ranks_on_host[host] > 0) {
      placement.oversubscribed = true;
    }
  }
  return placement;
}

}  // namespace resnext::launcher
