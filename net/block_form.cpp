#include "net/block_form.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace resnext::net {
namespace {

constexpr std::string_view kPaths = ".paths.";

/// "layer1.0.paths.7.conv1.weight" belongs to "layer1.0.conv1.weight", path 7; other names to
/// themselves, path 0.
struct Owner {
  std::string name;
  std::size_t path = 0;
};

Owner owner_of(const std::string& name) {
  const std::size_t at = name.find(kPaths);
  if (at == std::string::npos) return {name, 0};
  const char* const digits = name.data() + at + kPaths.size();
  Owner owner;
  const auto [stop, error] = std::from_chars(digits, name.data() + name.size(), owner.path);
  if (error != std::errc()) throw std::logic_error("no path number in " + name);
  owner.name = name.substr(0, at) + std::string(stop, name.data() + name.size());
  return owner;
}

/// A tensor seen as (outer, middle, inner), `middle` being the dimension that paths share out.
struct Extents {
  std::size_t outer = 1, middle = 1, inner = 1;
};

/// Where a path's tensor lies in its owner: all dimensions agree but the one that is shared out,
/// the first (a path's own channels) or the second (what the last convolution reads of them).
Extents path_extents(const std::vector<std::int64_t>& whole,
                     const std::vector<std::int64_t>& part) {
  Extents extents;
  const std::size_t shared = whole[0] == part[0] && whole.size() > 1 ? 1 : 0;
  for (std::size_t i = 0; i < part.size(); ++i) {
    (i < shared    ? extents.outer
     : i == shared ? extents.middle
                   : extents.inner) *= static_cast<std::size_t>(part[i]);
  }
  return extents;
}

/// A named slice of an arena, with the shape that tells how paths share it out.
struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::size_t offset = 0, count = 0;
};

std::vector<Tensor> tensors_of(const std::vector<Parameter>& parameters) {
  std::vector<Tensor> tensors;
  for (const Parameter& p : parameters) tensors.push_back({p.name, p.shape, p.offset, p.count});
  return tensors;
}

std::vector<Tensor> tensors_of(const std::vector<Statistic>& statistics) {
  std::vector<Tensor> tensors;
  for (const Statistic& s : statistics) {
    tensors.push_back({s.name, {static_cast<std::int64_t>(s.count)}, s.offset, s.count});
  }
  return tensors;
}

/// Calls `copy(offset in the grouped form's arena, offset in `form`'s arena, values)` for every run
/// of values that lie side by side in both.
using CopyRun = std::function<void(std::size_t, std::size_t, std::size_t)>;
void for_each_run(const std::vector<Tensor>& grouped, const std::vector<Tensor>& form,
                  const CopyRun& copy) {
  std::map<std::string, const Tensor*> owners;
  for (const Tensor& tensor : grouped) owners[tensor.name] = &tensor;
  for (const Tensor& part : form) {
    const Owner owner = owner_of(part.name);
    const auto found = owners.find(owner.name);
    if (found == owners.end() || found->second->shape.size() != part.shape.size()) {
      throw std::invalid_argument("these are not forms of one network: " + part.name);
    }
    const Tensor& whole = *found->second;
    const Extents extents = path_extents(whole.shape, part.shape);
    const std::size_t run = extents.middle * extents.inner;
    const std::size_t stride = whole.count / extents.outer;
    for (std::size_t i = 0; i < extents.outer; ++i) {
      copy(whole.offset + i * stride + owner.path * run, part.offset + i * run, run);
    }
  }
}

Graph grouped_form(const Graph& graph) {
  return with_block_form(graph, BlockForm::kGroupedConvolution);
}

std::size_t total(const std::vector<Tensor>& tensors) {
  std::size_t count = 0;
  for (const Tensor& tensor : tensors) count += tensor.count;
  return count;
}

std::vector<float> converted(const std::vector<Tensor>& from, std::span<const float> values,
                             const std::vector<Tensor>& grouped, const std::vector<Tensor>& to) {
  if (values.size() != total(from) || total(from) != total(grouped) || total(to) != total(from)) {
    throw std::invalid_argument(
        fmt::format("{} values are not those of a network of {}", values.size(), total(from)));
  }
  std::vector<float> whole(values.size()), result(values.size());
  for_each_run(grouped, from, [&](std::size_t to_whole, std::size_t part, std::size_t count) {
    std::copy_n(&values[part], count, &whole[to_whole]);
  });
  for_each_run(grouped, to, [&](std::size_t from_whole, std::size_t part, std::size_t count) {
    std::copy_n(&whole[from_whole], count, &result[part]);
  });
  return result;
}

}  // namespace

Graph with_block_form(const Graph& graph, BlockForm form) {
  GraphOptions options = graph.options;
  options.form = form;
  return build_graph(graph.spec, graph.input, graph.classes, options);
}

std::vector<float> converted_parameters(const Graph& from, std::span<const float> values,
                                        const Graph& to) {
  return converted(tensors_of(from.parameters), values, tensors_of(grouped_form(from).parameters),
                   tensors_of(to.parameters));
}

std::vector<float> converted_statistics(const Graph& from, std::span<const float> values,
                                        const Graph& to) {
  return converted(tensors_of(from.statistics), values, tensors_of(grouped_form(from).statistics),
                   tensors_of(to.statistics));
}

}  // namespace resnext::net
