#pragma once
// What it costs GPUs to exchange data, by the alpha-beta model (Hockney 1994; Thakur, Rabenseifner,
// Gropp 2005): a message of n bytes takes alpha + n / B. Alpha and B are those of NVLink within a
// node and of the network between nodes (DeviceFigures).
//
// For P GPUs, g of them in a node, m = ceil(P / g) nodes, and B' = min(B_nvlink, g B_network) the
// bandwidth of all rings together (each passes a node once, by another port):
//
// - Ring all-gather of n bytes (Thakur et al., section 4.1): P - 1 steps, of which m - 1 leave a
//   node; (P - 1) / P of the data goes over each link:
//     (m - 1) alpha_network + (P - m) alpha_nvlink + (P - 1) / P n / B'
// - Ring all-reduce (Patarasuk, Yuan 2009): a reduce-scatter and an all-gather, each as above.
// - Tree all-reduce (NCCL: a chain in the node and two binary trees over the nodes, each for half
// of
//   the data; Sanders, Speck, Träff 2009): up and down,
//     2 (log2 m alpha_network + (g - 1) alpha_nvlink) + 2 n / B'
// - Exchange of segments of s bytes, from each GPU to each (pairwise exchange; Thakur et al.,
//   section 4.2), messages in flight together as NCCL groups them, and each costing its sender at
//   least a gap (LogGP: Alexandrov et al. 1995). The busiest of issuing, NVLink and port counts:
//     alpha + max((P - 1) gap, (g - 1) s / B_nvlink, (P - g) s / B_network)
//   Unlike in a ring each GPU sends its own data through its own port, so that a node sends g times
//   as much: the price of adding in an order that does not depend on the number of ranks.

#include "net/devices/device.h"

namespace resnext::net {

class Interconnect {
 public:
  /// `message_gap`: least time between two messages of a GPU's exchange, in seconds.
  Interconnect(const DeviceFigures& figures, int gpus, double message_gap);

  int gpus() const { return gpus_; }

  /// All in seconds, for sizes in bytes; 0 for one GPU.
  double exchange(double segment_bytes) const;
  double gather(double bytes) const;
  double ring_all_reduce(double bytes) const;
  double tree_all_reduce(double bytes) const;
  /// The better of the two, as NCCL chooses.
  double all_reduce(double bytes) const;

 private:
  double ring_bandwidth() const;
  double ring_latency() const;

  DeviceFigures figures_;
  int gpus_, local_, nodes_;
  double message_gap_;
};

}  // namespace resnext::net
