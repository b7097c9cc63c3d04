// The loops behind PixelKernels. Included by one source file for each instruction set, which names
// the namespace in RESNEXT_KERNEL_NAMESPACE; no other header may be included here, or its inline
// functions would be compiled for an instruction set that the machine may lack.

#ifndef RESNEXT_KERNEL_NAMESPACE
#error "include this from a pixel_kernels_<instruction set>.cpp"
#endif

namespace resnext::data::RESNEXT_KERNEL_NAMESPACE {
namespace {

typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));

inline Quad load(const float* p) {
  return *reinterpret_cast<const Quad*>(p);
}

inline void store(float* p, Quad v) {
  *reinterpret_cast<Quad*>(p) = v;
}

void blend_rows(const std::uint8_t* const (&inputs)[4], const float (&weight)[4], std::size_t count,
                float* __restrict row) {
  const auto [a, b, c, d] = inputs;
  const auto [wa, wb, wc, wd] = weight;
  for (std::size_t i = 0; i < count; ++i)
    row[i] = wa * static_cast<float>(a[i]) + wb * static_cast<float>(b[i]) +
             wc * static_cast<float>(c[i]) + wd * static_cast<float>(d[i]);
}

/// Red, green, blue of one output pixel, and a lane of no meaning.
inline Quad blend_pixel(const float* row, const ColumnTaps& taps) {
  const auto [wa, wb, wc, wd] = taps.weight;
  const float* const pixel = row + 3 * std::ptrdiff_t(taps.first);
  return wa * load(pixel) + wb * load(pixel + 3) + wc * load(pixel + 6) + wd * load(pixel + 9);
}

void blend_columns_rgb(const float* row, const ColumnTaps* columns, std::size_t count,
                       const ChannelMap& map, float* output, std::size_t plane) {
  const auto [red_scale, green_scale, blue_scale] = map.scale;
  const auto [red_shift, green_shift, blue_shift] = map.shift;
  float* const green = output + plane;
  float* const blue = green + plane;
  std::size_t x = 0;
  for (; x + 4 <= count; x += 4) {  // four pixels, transposed into three channels
    const Quad p0 = blend_pixel(row, columns[x]), p1 = blend_pixel(row, columns[x + 1]);
    const Quad p2 = blend_pixel(row, columns[x + 2]), p3 = blend_pixel(row, columns[x + 3]);
    const Quad rg01 = __builtin_shufflevector(p0, p1, 0, 4, 1, 5);
    const Quad rg23 = __builtin_shufflevector(p2, p3, 0, 4, 1, 5);
    const Quad b01 = __builtin_shufflevector(p0, p1, 2, 6, 3, 7);
    const Quad b23 = __builtin_shufflevector(p2, p3, 2, 6, 3, 7);
    const Quad r = __builtin_shufflevector(rg01, rg23, 0, 1, 4, 5);
    const Quad g = __builtin_shufflevector(rg01, rg23, 2, 3, 6, 7);
    const Quad b = __builtin_shufflevector(b01, b23, 0, 1, 4, 5);
    store(output + x, r * red_scale + red_shift);
    store(green + x, g * green_scale + green_shift);
    store(blue + x, b * blue_scale + blue_shift);
  }
  for (; x < count; ++x) {
    const Quad pixel = blend_pixel(row, columns[x]);
    output[x] = pixel[0] * red_scale + red_shift;
    green[x] = pixel[1] * green_scale + green_shift;
    blue[x] = pixel[2] * blue_scale + blue_shift;
  }
}

void blend_columns_grey(const float* row, const ColumnTaps* columns, std::size_t count,
                        const ChannelMap& map, float* output) {
  const float scale = map.scale[0], shift = map.shift[0];
  for (std::size_t x = 0; x < count; ++x) {
    const auto [wa, wb, wc, wd] = columns[x].weight;
    const float* const pixel = row + columns[x].first;
    const float value = wa * pixel[0] + wb * pixel[1] + wc * pixel[2] + wd * pixel[3];
    output[x] = value * scale + shift;
  }
}

double sum(const float* values, std::size_t count) {
  constexpr std::size_t kLanes = 16;  // many chains hide the adder's latency
  double lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += values[i + lane];
  for (; i < count; ++i) lanes[0] += values[i];
  double total = 0;
  for (const double lane : lanes) total += lane;
  return total;
}

void adjust_colours(const ColourMap& map, float* __restrict red, float* __restrict green,
                    float* __restrict blue, std::size_t count) {
  const auto [weight_r, weight_g, weight_b] = map.weight;
  const auto [value_r, value_g, value_b] = map.of_value;
  const auto [grey_r, grey_g, grey_b] = map.of_grey;
  const auto [shift_r, shift_g, shift_b] = map.shift;
  for (std::size_t i = 0; i < count; ++i) {
    const float grey = weight_r * red[i] + weight_g * green[i] + weight_b * blue[i];
    red[i] = value_r * red[i] + grey_r * grey + shift_r;
    green[i] = value_g * green[i] + grey_g * grey + shift_g;
    blue[i] = value_b * blue[i] + grey_b * grey + shift_b;
  }
}

}  // namespace

extern const PixelKernels kKernels;
const PixelKernels kKernels = {RESNEXT_KERNEL_NAME, blend_rows, blend_columns_rgb,
                               blend_columns_grey,  sum,        adjust_colours};

}  // namespace resnext::data::RESNEXT_KERNEL_NAMESPACE
