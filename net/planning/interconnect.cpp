#include "net/planning/interconnect.h"

#include <algorithm>
#include <bit>

namespace resnext::net {

Interconnect::Interconnect(const DeviceFigures& figures, int gpus, double message_gap)
    : figures_(figures),
      gpus_(gpus),
      local_(std::min(gpus, figures.gpus_per_node)),
      nodes_((gpus + local_ - 1) / local_),
      message_gap_(message_gap) {}

double Interconnect::ring_bandwidth() const {
  if (nodes_ == 1) return figures_.nvlink_bandwidth;
  return std::min(figures_.nvlink_bandwidth, local_ * figures_.network_bandwidth);
}

/// Of once around, without the last step.
double Interconnect::ring_latency() const {
  return (nodes_ - 1) * figures_.network_latency + (gpus_ - nodes_) * figures_.nvlink_latency;
}

double Interconnect::exchange(double segment_bytes) const {
  if (gpus_ == 1) return 0;
  const double latency = nodes_ > 1 ? figures_.network_latency : figures_.nvlink_latency;
  const double issuing = (gpus_ - 1) * message_gap_;
  const double nvlink = (local_ - 1) * segment_bytes / figures_.nvlink_bandwidth;
  const double port = (gpus_ - local_) * segment_bytes / figures_.network_bandwidth;
  return latency + std::max({issuing, nvlink, port});
}

double Interconnect::gather(double bytes) const {
  if (gpus_ == 1) return 0;
  return ring_latency() + double(gpus_ - 1) / gpus_ * bytes / ring_bandwidth();
}

double Interconnect::ring_all_reduce(double bytes) const {
  return 2 * gather(bytes);
}

double Interconnect::tree_all_reduce(double bytes) const {
  if (gpus_ == 1) return 0;
  const auto levels = static_cast<int>(std::bit_width(static_cast<unsigned>(nodes_ - 1)));
  return 2 * (levels * figures_.network_latency + (local_ - 1) * figures_.nvlink_latency) +
         2 * bytes / ring_bandwidth();
}

double Interconnect::all_reduce(double bytes) const {
  return std::min(ring_all_reduce(bytes), tree_all_reduce(bytes));
}

}  // namespace resnext::net
