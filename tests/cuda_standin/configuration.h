#pragma once
// What the environment asks of the stand-in GPUs; see README.md for the variables.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace resnext::standin {

enum class Order {
  kLazy,      ///< a stream runs only when somebody waits for it: finds reads before writes
  kOthers,    ///< all other streams run ahead first: finds writes before reads
  kYoungest,  ///< the same before each piece of work: finds what a later wait would have hidden
  kRandom,
};

struct Configuration {
  Order order = Order::kLazy;
  std::uint32_t seed = 0;
  bool trace = false;        ///< every piece of work on stderr
  std::vector<int> devices;  ///< ordinals on the host that CUDA_VISIBLE_DEVICES leaves
  int compute_capability = 90;
  int driver_version = 13000;
  std::size_t memory_bytes = std::size_t{80} << 30;  ///< of each GPU
  std::size_t library_bytes = 0;  ///< of those, taken by libraries along with the first allocation
  std::string device_name;
  std::string launch_error;    ///< part of the name of work that cannot be launched; empty: none
  std::string list_waits;      ///< file for the sites of waits; empty: none
  std::string drop_wait;       ///< the site that is ignored; empty: none
  bool late_pageable = false;  ///< copies to and from pageable memory run when pinned ones would
};

/// Read once, when first asked for.
const Configuration& configuration();

}  // namespace resnext::standin
