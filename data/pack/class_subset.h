#pragma once
// Choosing classes by their number of images, as ImageNet-5K is chosen from ImageNet-22K (paper,
// section 5.2): the classes of ImageNet-1K and the 4000 largest others.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace resnext::data {

struct ClassCount {
  std::string name;
  std::uint64_t images = 0;
};

struct ClassSubset {
  std::vector<std::string> names;  ///< sorted bytewise, which makes them the labels' order
  std::uint64_t base_classes = 0, base_images = 0;
  std::uint64_t other_classes = 0, other_images = 0;
  std::uint64_t left_out = 0;              ///< classes not chosen
  std::optional<ClassCount> smallest;      ///< the last of the others chosen
  std::optional<ClassCount> largest_left;  ///< the first left out
  /// Classes other than the base's with as many images as the smallest chosen, if the largest left
  /// out is one of them (their names decided); else 0.
  std::uint64_t tied = 0;
};

/// All of `base`, and of the other classes the `others` with most images; of equals the first by
/// name (bytewise). Throws std::runtime_error if a class of the base is not counted or has no
/// images, or if fewer than `others` other classes have any.
ClassSubset choose_classes(const std::vector<ClassCount>& counts,
                           const std::vector<std::string>& base, std::uint64_t others);

/// Some lines that say what was chosen.
std::string describe(const ClassSubset& subset);

/// Reads lines of a class's name and its number of images, like "n01440764 1300"; blank lines are
/// ignored. Throws std::runtime_error naming the file and the line that is no such line or names a
/// class again.
std::vector<ClassCount> read_class_counts(const std::string& path);

/// Counts the files called .jpg, .jpeg or .png (in any case) in each class folder, without opening
/// them. Throws std::runtime_error if there are no class folders.
std::vector<ClassCount> count_class_folders(const std::string& tree);

}  // namespace resnext::data
