#pragma once
// From options to a plan: reads the files, finds the programs, the data and what is done already.

#include <cstdint>
#include <map>
#include <string>

#include "ablations/plan.h"
#include "ablations/programs.h"
#include "ablations/sweep_options.h"

namespace resnext::ablations {

/// What a sweep needs to know before it starts.
class Preparation {
 public:
  /// Throws cli::UsageError for what in the options or the table cannot be.
  explicit Preparation(const SweepOptions& options);

  const Programs& programs() const { return programs_; }
  const std::string& folder() const { return request_.folder; }

  /// Of the data as it is now; sets that are still to be packed stand in it without an identity.
  Plan plan() const { return make_plan(request_, programs_); }

  /// Bytes that packing will write. Throws cli::UsageError where there are no images.
  std::uint64_t bytes_to_pack() const;

  /// Packs what is not packed; then plan() has its identity.
  void pack();

 private:
  const Dataset& dataset(const std::string& role) const;
  DataSource source(const Dataset& set) const;
  std::string shards_folder() const;

  const SweepOptions options_;
  Programs programs_;
  PlanRequest request_;
  std::map<std::string, bool> packed_;  ///< by role
};

}  // namespace resnext::ablations
