#pragma once
// The data sets that tables train on (datasets.toml): what they are made of, and where their shards
// are.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ablations/programs.h"
#include "ablations/table.h"

namespace resnext::ablations {

/// One way in which a set's images may lie in a folder.
struct Layout {
  std::string needs;                  ///< path in the folder by which the layout is known
  std::vector<std::string> training;  ///< arguments of `resnext-data pack`; {images} is the folder
  std::vector<std::string> validation;  ///< likewise; {training} is the packed training set
};

struct Dataset {
  std::string name;
  std::string title;
  std::string images;  ///< the folder of images, where it is the same on every machine; or empty
  std::string advice;  ///< where its images come from, for who has none
  std::string input;   ///< "32x32x3", as the networks get it; empty: what they usually do
  int classes = 0;
  Options options;                      ///< of the worker, e.g. its colours
  std::uint64_t training_images = 0;    ///< as published: for plans before it is packed
  std::uint64_t validation_images = 0;  ///< likewise
  bool synthetic_instead = false;       ///< where there are no images, the worker's own set will do
  std::vector<Layout> layouts;
};

/// All of a file. Throws cli::UsageError with line and column.
std::map<std::string, Dataset> read_datasets(const std::string& path);

/// Packed and ready to train on.
struct ShardSets {
  std::string training;             ///< FOLDER/NAME; empty: the worker's built-in set
  std::string validation;           ///< likewise
  std::string training_identity;    ///< equal for equal contents; "synthetic"
  std::string validation_identity;  ///< likewise
  std::uint64_t training_images = 0;
  std::uint64_t validation_images = 0;
};

/// What is true of `set` where the worker's built-in one stands in for it: nothing of its own.
Dataset built_in_instead(const Dataset& set);

/// Where the user has the images or the shards.
struct DataSource {
  std::string images;             ///< a folder of images to pack; empty: the data set's own
  std::string training_shards;    ///< packed already; empty: pack
  std::string validation_shards;  ///< goes with these
};

/// The shards of `set`: the user's, or those in `folder`, or nothing where they are still to be
/// packed.
std::optional<ShardSets> find_shards(const Dataset& set, const DataSource& source,
                                     const std::string& folder, const Programs& programs);

/// What stands in a plan for shards that are still to be packed: where they will be.
ShardSets planned_shards(const Dataset& set, const std::string& folder);

/// Bytes that packing writes, at most; 0 where the worker's own set will do. Throws cli::UsageError
/// when there are no images, saying where they come from.
std::uint64_t bytes_to_pack(const Dataset& set, const DataSource& source);

/// Packs what find_shards did not find into `folder`; goes on where an earlier packing was killed.
ShardSets pack_shards(const Dataset& set, const DataSource& source, const std::string& folder,
                      const Programs& programs);

}  // namespace resnext::ablations
