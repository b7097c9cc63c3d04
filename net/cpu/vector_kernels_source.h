// The loops behind VectorKernels. Included by one source file for each instruction set, which names
// the namespace in RESNEXT_KERNEL_NAMESPACE; no other header may be included here, or its inline
// functions would be compiled for an instruction set that the machine may lack.

#ifndef RESNEXT_KERNEL_NAMESPACE
#error "include this from a vector_kernels_<instruction set>.cpp"
#endif

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// Compile-time blocks keep a block of channels in vector registers; kAnyBlock reads it at run
/// time.
constexpr int kAnyBlock = 0;

template <int Block>
struct Lane {
  typedef float Vector __attribute__((vector_size(Block * sizeof(float)), aligned(4), may_alias));
};

template <int Block>
using Vector = typename Lane<Block>::Vector;

template <int Block>
inline Vector<Block> load(const float* p) {
  return *reinterpret_cast<const Vector<Block>*>(p);
}

template <int Block>
inline void store(float* p, Vector<Block> v) {
  *reinterpret_cast<Vector<Block>*>(p) = v;
}

template <int Block>
void moments_block(const float* x, const float* pivot, std::size_t pixels, float* sum,
                   float* squares) {
  const Vector<Block> k = load<Block>(pivot);
  Vector<Block> s0 = {}, s1 = {}, q0 = {}, q1 = {};  // two chains hide the adder's latency
  std::size_t p = 0;
  for (; p + 2 <= pixels; p += 2) {
    const Vector<Block> d0 = load<Block>(x + p * Block) - k;
    const Vector<Block> d1 = load<Block>(x + (p + 1) * Block) - k;
    s0 += d0;
    s1 += d1;
    q0 += d0 * d0;
    q1 += d1 * d1;
  }
  if (p < pixels) {
    const Vector<Block> d0 = load<Block>(x + p * Block) - k;
    s0 += d0;
    q0 += d0 * d0;
  }
  store<Block>(sum, s0 + s1);
  store<Block>(squares, q0 + q1);
}

void moments_any(const float* x, const float* pivot, std::size_t pixels, int block, float* sum,
                 float* squares) {
  for (int c = 0; c < block; ++c) sum[c] = squares[c] = 0.0F;
  for (std::size_t p = 0; p < pixels; ++p) {
    for (int c = 0; c < block; ++c) {
      const float d = x[p * block + c] - pivot[c];
      sum[c] += d;
      squares[c] += d * d;
    }
  }
}

void moments(const float* x, const float* pivot, std::size_t pixels, int block, float* sum,
             float* squares) {
  if (block == 16) return moments_block<16>(x, pivot, pixels, sum, squares);
  if (block == 8) return moments_block<8>(x, pivot, pixels, sum, squares);
  moments_any(x, pivot, pixels, block, sum, squares);
}

template <int Block, bool Scale2, bool Two, bool Relu>
void normalise_block(const AffineOperand& first, const AffineOperand& second, std::size_t pixels,
                     float* y) {
  const bool scaled = first.scale != nullptr;
  const Vector<Block> one = Vector<Block>{} + 1.0F, zero = {};
  const Vector<Block> a = scaled ? load<Block>(first.scale) : one;
  Vector<Block> b = scaled ? load<Block>(first.shift) : zero;
  Vector<Block> a2 = one;
  if constexpr (Scale2) {
    a2 = load<Block>(second.scale);
    b += load<Block>(second.shift);
  }
  for (std::size_t p = 0; p < pixels; ++p) {
    Vector<Block> v = load<Block>(first.values + p * Block) * a + b;
    if constexpr (Two) {
      const Vector<Block> w = load<Block>(second.values + p * Block);
      v += Scale2 ? w * a2 : w;
    }
    if constexpr (Relu) v = v > zero ? v : zero;
    store<Block>(y + p * Block, v);
  }
}

template <int Block, bool Relu>
void normalise_operands(const AffineOperand& first, const AffineOperand& second, std::size_t pixels,
                        float* y) {
  if (second.values == nullptr) {
    normalise_block<Block, false, false, Relu>(first, second, pixels, y);
  } else if (second.scale == nullptr) {
    normalise_block<Block, false, true, Relu>(first, second, pixels, y);
  } else {
    normalise_block<Block, true, true, Relu>(first, second, pixels, y);
  }
}

void normalise_any(const AffineOperand& first, const AffineOperand& second, bool relu,
                   std::size_t pixels, int block, float* y) {
  for (std::size_t p = 0; p < pixels; ++p) {
    for (int c = 0; c < block; ++c) {
      const std::size_t i = p * block + c;
      float v = first.values[i];
      if (first.scale != nullptr) v = v * first.scale[c] + first.shift[c];
      if (second.values != nullptr) {
        float w = second.values[i];
        if (second.scale != nullptr) w = w * second.scale[c] + second.shift[c];
        v += w;
      }
      y[i] = relu && !(v > 0.0F) ? 0.0F : v;
    }
  }
}

void normalise(const AffineOperand& first, const AffineOperand& second, bool relu,
               std::size_t pixels, int block, float* y) {
  if (block == 16) {
    return relu ? normalise_operands<16, true>(first, second, pixels, y)
                : normalise_operands<16, false>(first, second, pixels, y);
  }
  if (block == 8) {
    return relu ? normalise_operands<8, true>(first, second, pixels, y)
                : normalise_operands<8, false>(first, second, pixels, y);
  }
  normalise_any(first, second, relu, pixels, block, y);
}

template <int Block, bool Relu, int Branches>
void reduce_gradient_block(const GradientReduction& r, std::size_t pixels) {
  const Vector<Block> zero = {};
  const Vector<Block> m0 = Branches > 0 ? load<Block>(r.means[0]) : zero;
  const Vector<Block> m1 = Branches > 1 ? load<Block>(r.means[1]) : zero;
  Vector<Block> sum = {}, product0 = {}, product1 = {};
  for (std::size_t p = 0; p < pixels; ++p) {
    const std::size_t i = p * Block;
    Vector<Block> g = load<Block>(r.gradient + i);
    if (r.second_gradient != nullptr) g += load<Block>(r.second_gradient + i);
    if constexpr (Relu) g = load<Block>(r.output + i) > zero ? g : zero;
    store<Block>(r.masked + i, g);
    if constexpr (Branches > 0) {
      sum += g;
      product0 += g * (load<Block>(r.inputs[0] + i) - m0);
    }
    if constexpr (Branches > 1) product1 += g * (load<Block>(r.inputs[1] + i) - m1);
  }
  if constexpr (Branches > 0) {
    store<Block>(r.sum, sum);
    store<Block>(r.products[0], product0);
  }
  if constexpr (Branches > 1) store<Block>(r.products[1], product1);
}

template <int Block, bool Relu>
void reduce_gradient_branches(const GradientReduction& r, std::size_t pixels) {
  if (r.inputs[0] == nullptr) return reduce_gradient_block<Block, Relu, 0>(r, pixels);
  if (r.inputs[1] == nullptr) return reduce_gradient_block<Block, Relu, 1>(r, pixels);
  reduce_gradient_block<Block, Relu, 2>(r, pixels);
}

void reduce_gradient_any(const GradientReduction& r, std::size_t pixels, int block) {
  for (int branch = 0; branch < 2; ++branch) {
    if (r.inputs[branch] == nullptr) continue;
    for (int c = 0; c < block; ++c) r.sum[c] = r.products[branch][c] = 0.0F;
  }
  for (std::size_t p = 0; p < pixels; ++p) {
    for (int c = 0; c < block; ++c) {
      const std::size_t i = p * block + c;
      float g = r.gradient[i];
      if (r.second_gradient != nullptr) g += r.second_gradient[i];
      if (r.output != nullptr && !(r.output[i] > 0.0F)) g = 0.0F;
      r.masked[i] = g;
      if (r.inputs[0] == nullptr) continue;
      r.sum[c] += g;
      r.products[0][c] += g * (r.inputs[0][i] - r.means[0][c]);
      if (r.inputs[1] != nullptr) r.products[1][c] += g * (r.inputs[1][i] - r.means[1][c]);
    }
  }
}

void reduce_gradient(const GradientReduction& r, std::size_t pixels, int block) {
  const bool relu = r.output != nullptr;
  if (block == 16) {
    return relu ? reduce_gradient_branches<16, true>(r, pixels)
                : reduce_gradient_branches<16, false>(r, pixels);
  }
  if (block == 8) {
    return relu ? reduce_gradient_branches<8, true>(r, pixels)
                : reduce_gradient_branches<8, false>(r, pixels);
  }
  reduce_gradient_any(r, pixels, block);
}

template <int Block>
void input_gradient_block(const float* g, const float* x, const float* a, const float* b,
                          const float* c, std::size_t pixels, float* dx) {
  const Vector<Block> va = load<Block>(a), vb = load<Block>(b), vc = load<Block>(c);
  for (std::size_t i = 0; i < pixels * Block; i += Block) {
    store<Block>(dx + i, load<Block>(g + i) * va + (load<Block>(x + i) * vb + vc));
  }
}

void input_gradient(const float* g, const float* x, const float* a, const float* b, const float* c,
                    std::size_t pixels, int block, float* dx) {
  if (block == 16) return input_gradient_block<16>(g, x, a, b, c, pixels, dx);
  if (block == 8) return input_gradient_block<8>(g, x, a, b, c, pixels, dx);
  for (std::size_t p = 0; p < pixels; ++p) {
    for (int k = 0; k < block; ++k) {
      const std::size_t i = p * block + k;
      dx[i] = g[i] * a[k] + (x[i] * b[k] + c[k]);
    }
  }
}

void accumulate(float* total, const float* addend, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) total[i] += addend[i];
}

}  // namespace

extern const VectorKernels kKernels;
const VectorKernels kKernels = {RESNEXT_KERNEL_NAME, moments,        normalise,
                                reduce_gradient,     input_gradient, accumulate};

}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
