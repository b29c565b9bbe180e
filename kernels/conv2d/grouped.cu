// Convolution in many groups of few channels: forward, and the gradients of input and weight.
//
// The channels are cut into groups that do not see each other. Each is a small matrix product for every pixel, too small for the tiles
// of a large one: the 4 by 4 channels of a ResNeXt have 16 products for a tap. So a thread computes V neighbouring output channels of one
// group (4 of them where the groups allow it) at PIXELS neighbouring pixels, and holds these sums in registers. What it loads it uses
// several times: an input for V output channels, a weight for PIXELS pixels. The threads of a warp stand side by side along the
// channels of all groups, so they read and write neighbours in memory.
//
// Weights come as (KH, KW, channels read of a group, channels written), so that they lie side by side for those who read them together.
#include "windows.cuh"

const int PIXELS = sizeof(Wide) == 8 ? 4 : 8;
const int TAPS = 3;  // of a row of the window, that a thread of the weight's gradient sums up

// Where tap (i, j) of the output at (h, w) looks: forward at an input, -1 beyond the edges; backward at an output that saw this input.
template <bool BACKWARD> __device__ int down(int h, int i, const Windows& s)
{
    if (BACKWARD) return window_at(h + s.ph - i * s.dh, s.sh, s.OH);
    int u = h * s.sh + i * s.dh - s.ph;
    return u < s.H ? u : -1;
}
template <bool BACKWARD> __device__ int across(int w, int j, const Windows& s)
{
    if (BACKWARD) return window_at(w + s.pw - j * s.dw, s.sw, s.OW);
    int v = w * s.sw + j * s.dw - s.pw;
    return v < s.W ? v : -1;
}

// from (N, height, width, READ), weight (KH, KW, READ / groups, WRITTEN), bias (WRITTEN) or null -> to (N, height', width', WRITTEN).
// Threads: x for channels written, y for strips of PIXELS, z for rows. Blocks: x for both of channels and strips, y for rows, z for images.
template <int V, bool BACKWARD>
__device__ void convolve(const Real* from, const Real* weight, const Real* bias, Real* to, Index N, Index READ, Index WRITTEN, int groups,
                         const Windows& s)
{
    int width = BACKWARD ? s.OW : s.W, height = BACKWARD ? s.OH : s.H;
    int columns = BACKWARD ? s.W : s.OW, rows = BACKWARD ? s.H : s.OH;
    int tiles = ((int)WRITTEN + blockDim.x * V - 1) / (blockDim.x * V);
    int o = (blockIdx.x % tiles * blockDim.x + threadIdx.x) * V;
    int left = (blockIdx.x / tiles * blockDim.y + threadIdx.y) * PIXELS;
    if (o >= WRITTEN || left >= columns) return;
    int depth = (int)READ / groups;
    int first = o / ((int)WRITTEN / groups) * depth;  // of the channels that this thread's group reads
    Channels<V> start = load_channels<V>(bias + o, bias != nullptr);

    for (Index n = blockIdx.z; n < N; n += gridDim.z)
        for (int h = blockIdx.y * blockDim.z + threadIdx.z; h < rows; h += gridDim.y * blockDim.z) {
            Channels<V> sum[PIXELS];
            for (int p = 0; p < PIXELS; ++p) sum[p] = start;
            for (int i = 0; i < s.KH; ++i) {
                int u = down<BACKWARD>(h, i, s);
                if (u < 0) continue;
                const Real* row = from + (n * height + u) * width * READ + first;
                for (int j = 0; j < s.KW; ++j) {
                    int v[PIXELS];
                    bool any = false;
#pragma unroll
                    for (int p = 0; p < PIXELS; ++p) {
                        v[p] = left + p < columns ? across<BACKWARD>(left + p, j, s) : -1;
                        any = any || v[p] >= 0;
                    }
                    const Real* tap = weight + (Index)(i * s.KW + j) * depth * WRITTEN + o;
                    for (int c = 0; any && c < depth; c += V, tap += V * WRITTEN) {
                        Channels<V> value[PIXELS];
#pragma unroll
                        for (int p = 0; p < PIXELS; ++p) value[p] = load_channels<V>(row + v[p] * READ + c, v[p] >= 0);
#pragma unroll
                        for (int k = 0; k < V; ++k) {
                            Channels<V> w = load_channels<V>(tap + k * WRITTEN);
#pragma unroll
                            for (int p = 0; p < PIXELS; ++p)
                                for (int q = 0; q < V; ++q) sum[p].at[q] += value[p].at[k] * w.at[q];
                        }
                    }
                }
            }
            Real* out = to + ((n * rows + h) * columns + left) * WRITTEN + o;
#pragma unroll
            for (int p = 0; p < PIXELS; ++p)
                if (left + p < columns) store_channels<V>(out + p * WRITTEN, sum[p].at);
        }
}

// x (N, H, W, C), weight (KH, KW, C/G, OC), bias (OC) or null -> y (N, OH, OW, OC); `vector`: 4 channels for each thread, else 1.
KERNEL grouped_forward(const Real* x, const Real* weight, const Real* bias, Real* y, Index N, Index C, Index OC, Index groups, Index vector,
                       WINDOWS)
{
    Windows s = WINDOWS_AS_INTS;
    if (vector == 4)
        convolve<4, false>(x, weight, bias, y, N, C, OC, (int)groups, s);
    else
        convolve<1, false>(x, weight, bias, y, N, C, OC, (int)groups, s);
}

// gy (N, OH, OW, OC), weight (KH, KW, OC/G, C) -> gx (N, H, W, C).
KERNEL grouped_input(const Real* gy, const Real* weight, Real* gx, Index N, Index C, Index OC, Index groups, Index vector, WINDOWS)
{
    Windows s = WINDOWS_AS_INTS;
    if (vector == 4)
        convolve<4, true>(gy, weight, nullptr, gx, N, OC, C, (int)groups, s);
    else
        convolve<1, true>(gy, weight, nullptr, gx, N, OC, C, (int)groups, s);
}

// The gradient of the weights of V output channels and V input channels, at TAPS taps of a row of the window, over a part of the lines
// (n, h) of output. The rows of threads of a block take a line each in turn, and their sums are added up at the end.
template <int V>
__device__ void sum_weight(const Real* x, const Real* gy, Wide* partial, Wide* scratch, Index N, Index C, Index OC, int groups,
                           const Windows& s)
{
    int depth = (int)C / groups, segments = (s.KW + TAPS - 1) / TAPS;
    int tiles = ((int)OC + blockDim.x * V - 1) / (blockDim.x * V);
    int o = (blockIdx.x % tiles * blockDim.x + threadIdx.x) * V;
    int c = blockIdx.x / tiles % (depth / V) * V;
    int segment = blockIdx.x / tiles / (depth / V);
    int i = segment / segments, j = segment % segments * TAPS;
    int first = o / ((int)OC / groups) * depth + c;
    Channels<V> sum[TAPS][V] = {};

    Index lines = o < OC ? N * s.OH : 0;
    for (Index line = (Index)blockIdx.y * blockDim.y + threadIdx.y; line < lines; line += (Index)gridDim.y * blockDim.y) {
        Index n = line / s.OH;
        int u = (int)(line - n * s.OH) * s.sh + i * s.dh - s.ph;
        if (!inside(u, s.H)) continue;
        const Real* row = x + (n * s.H + u) * s.W * C + first;
        const Real* from = gy + line * s.OW * OC + o;
#pragma unroll 2
        for (int w = 0; w < s.OW; ++w) {
            Channels<V> g = load_channels<V>(from + w * OC);
#pragma unroll
            for (int t = 0; t < TAPS; ++t) {
                int v = w * s.sw + (j + t) * s.dw - s.pw;
                if (j + t >= s.KW) continue;
                Channels<V> value = load_channels<V>(row + v * C, inside(v, s.W));
                for (int k = 0; k < V; ++k)
                    for (int q = 0; q < V; ++q) sum[t][k].at[q] += value.at[k] * g.at[q];
            }
        }
    }
#pragma unroll
    for (int t = 0; t < TAPS; ++t)
#pragma unroll
        for (int k = 0; k < V; ++k) {
            for (int q = 0; q < V; ++q) scratch[(threadIdx.y * blockDim.x + threadIdx.x) * V + q] = sum[t][k].at[q];
            __syncthreads();
            if (threadIdx.y == 0 && o < OC && j + t < s.KW) {
                Index tap = ((Index)blockIdx.y * s.KH + i) * s.KW + j + t;
                Wide* out = partial + (tap * depth + c + k) * OC + o;
                for (int q = 0; q < V; ++q) {
                    Wide total = 0;
                    for (int y = 0; y < blockDim.y; ++y) total += scratch[(y * blockDim.x + threadIdx.x) * V + q];
                    out[q] = total;
                }
            }
            __syncthreads();
        }
}

// x (N, H, W, C), gy (N, OH, OW, OC) -> partial (gridDim.y, KH, KW, C/G, OC). Threads: x for output channels, y for lines. Blocks: x for
// output channels (fastest), input channels of a group and segments of taps, y for parts of the lines.
KERNEL grouped_weight_parts(const Real* x, const Real* gy, Wide* partial, Index N, Index C, Index OC, Index groups, Index vector, WINDOWS)
{
    __shared__ Wide scratch[256 * 4];
    Windows s = WINDOWS_AS_INTS;
    if (vector == 4)
        sum_weight<4>(x, gy, partial, scratch, N, C, OC, (int)groups, s);
    else
        sum_weight<1>(x, gy, partial, scratch, N, C, OC, (int)groups, s);
}

// partial (parts, KH*KW, C/G, OC) -> gw (OC, C/G, KH*KW).
KERNEL grouped_weight(const Wide* partial, Real* gw, Index parts, Index taps, Index depth, Index OC)
{
    __shared__ double sums[8][33];
    sum_weight_parts(partial, gw, parts, taps, depth, OC, sums);
}
