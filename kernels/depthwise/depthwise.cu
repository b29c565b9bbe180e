// Depthwise convolution: forward, and the gradients of input and weight.
//
// Memory is channels-last, so neighbouring threads take neighbouring channels, VECTOR of them each: they have nothing to do with one
// another, and one instruction loads them all. A thread computes a strip of PIXELS outputs side by side. Their windows overlap, so it
// loads the READ input pixels of a row once into registers, and uses each of them for all outputs that see it: for a 3x3 window and 8
// outputs these are 10 loads for 24 products. What the windows of other rows read again comes from the L1 cache, since a block is a few
// rows tall.
//
// Registers have no addresses: the compiler must know which one is meant. So these are numbers that the launcher chooses:
//
//   WIDTH   how many taps of a window's row are taken at once; wider windows are cut into segments. WIDTH 1 serves every
//           stride and dilation, the others windows without gaps (dilation 1) at a stride of STEP
//   STEP    the horizontal stride, 1 or 2
//   ROWS    in the weight's gradient: the rows of a window that one thread sums up
//   ALIGNED 1: a thread takes VECTOR channels. 0: one, since more would not divide C
//
// Weights come as taps (KH, KW, C), so that they too lie side by side for neighbouring channels.
// compile with: WIDTH=1 STEP=1 ROWS=3 ALIGNED=0
// compile with: WIDTH=1 STEP=1 ROWS=3 ALIGNED=1
// compile with: WIDTH=3 STEP=1 ROWS=3 ALIGNED=1
// compile with: WIDTH=3 STEP=2 ROWS=3 ALIGNED=1
// compile with: WIDTH=5 STEP=1 ROWS=2 ALIGNED=1
// compile with: WIDTH=5 STEP=2 ROWS=2 ALIGNED=1
// compile with: WIDTH=7 STEP=1 ROWS=2 ALIGNED=1
// compile with: WIDTH=7 STEP=2 ROWS=2 ALIGNED=1
// compile with: WIDTH=8 STEP=1 ROWS=2 ALIGNED=1
// compile with: WIDTH=8 STEP=2 ROWS=2 ALIGNED=1
#include "windows.cuh"

#ifndef WIDTH
#define WIDTH 1
#define STEP 1
#define ROWS 1
#define ALIGNED 0
#endif

const int VECTOR = !ALIGNED ? 1 : sizeof(Wide) == 8 ? 2 : 4;
const int PIXELS = STEP == 1 ? 8 : 4;
const int READ = (PIXELS - 1) * STEP + WIDTH;
typedef Channels<VECTOR> Vector;

// How many taps the segment that begins at tap j has. Only the widest segments may be cut.
__device__ inline int taps_of_segment(int j, int KW) { return WIDTH == 8 && KW - j < 8 ? KW - j : WIDTH; }

// The READ pixels of a row of input that the segment of taps `first` of the strip at output `left` sees; zeros beyond the row's ends.
__device__ inline void load_row(Vector* values, const Real* row, int left, int first, int taps, Index C, const Windows& s)
{
    int distance = WIDTH == 1 ? s.sw : 1;
    int start = left * s.sw + first * s.dw - s.pw;
#pragma unroll
    for (int t = 0; t < READ; ++t) {
        int column = start + t * distance;
        values[t] = load_channels<VECTOR>(row + column * C, inside(column, s.W) && t < READ - WIDTH + taps);
    }
}

// x (N, H, W, C), taps (KH, KW, C), bias (C) or null -> y (N, OH, OW, C). With stride 1 and flipped taps this is the gradient of the
// input, too; its padding may be negative.
// Threads: x for channels, y for strips, z for rows. Blocks: x for both of channels and strips, y for rows, z for images.
KERNEL depthwise(const Real* x, const Real* taps, const Real* bias, Real* y, Index N, Index C, WINDOWS)
{
    Windows s = WINDOWS_AS_INTS;
    int across = ((int)C + blockDim.x * VECTOR - 1) / (blockDim.x * VECTOR);
    int c = (blockIdx.x % across * blockDim.x + threadIdx.x) * VECTOR;
    int left = (blockIdx.x / across * blockDim.y + threadIdx.y) * PIXELS;
    if (c >= C || left >= s.OW) return;
    Vector start = load_channels<VECTOR>(bias + c, bias != nullptr);

    for (Index n = blockIdx.z; n < N; n += gridDim.z)
        for (int h = blockIdx.y * blockDim.z + threadIdx.z; h < s.OH; h += gridDim.y * blockDim.z) {
            Vector sum[PIXELS];
            for (int p = 0; p < PIXELS; ++p) sum[p] = start;
            for (int i = 0; i < s.KH; ++i) {
                int u = h * s.sh + i * s.dh - s.ph;
                if (!inside(u, s.H)) continue;
                const Real* row = x + (n * s.H + u) * s.W * C + c;
                for (int first = 0; first < s.KW; first += WIDTH) {
                    int used = taps_of_segment(first, s.KW);
                    Vector weight[WIDTH], value[READ];
#pragma unroll
                    for (int j = 0; j < WIDTH; ++j)
                        weight[j] = load_channels<VECTOR>(taps + (Index)(i * s.KW + first + j) * C + c, j < used);
                    load_row(value, row, left, first, used, C, s);
#pragma unroll
                    for (int p = 0; p < PIXELS; ++p)
#pragma unroll
                        for (int j = 0; j < WIDTH; ++j)
                            if (j < used)
                                for (int k = 0; k < VECTOR; ++k) sum[p].at[k] += value[p * STEP + j].at[k] * weight[j].at[k];
                }
            }
            Real* out = y + ((n * s.OH + h) * s.OW + left) * C + c;
#pragma unroll
            for (int p = 0; p < PIXELS; ++p)
                if (left + p < s.OW) store_channels<VECTOR>(out + p * C, sum[p].at);
        }
}

// gy (N, OH, OW, C), taps (KH, KW, C) -> gx (N, H, W, C), for strides above 1: an input pixel collects from the windows that saw it, few of
// the taps at most. One pixel for each thread; threads and blocks as above.
KERNEL depthwise_input(const Real* gy, const Real* taps, Real* gx, Index N, Index C, WINDOWS)
{
    Windows s = WINDOWS_AS_INTS;
    int across = ((int)C + blockDim.x * VECTOR - 1) / (blockDim.x * VECTOR);
    int c = (blockIdx.x % across * blockDim.x + threadIdx.x) * VECTOR;
    int v = blockIdx.x / across * blockDim.y + threadIdx.y;
    if (c >= C || v >= s.W) return;

    for (Index n = blockIdx.z; n < N; n += gridDim.z)
        for (int u = blockIdx.y * blockDim.z + threadIdx.z; u < s.H; u += gridDim.y * blockDim.z) {
            Vector sum = {};
            for (int i = 0; i < s.KH; ++i) {
                int h = window_at(u + s.ph - i * s.dh, s.sh, s.OH);
                if (h < 0) continue;
                for (int j = 0; j < s.KW; ++j) {
                    int w = window_at(v + s.pw - j * s.dw, s.sw, s.OW);
                    if (w < 0) continue;
                    Vector g = load_channels<VECTOR>(gy + ((n * s.OH + h) * s.OW + w) * C + c);
                    Vector weight = load_channels<VECTOR>(taps + (Index)(i * s.KW + j) * C + c);
                    for (int k = 0; k < VECTOR; ++k) sum.at[k] += g.at[k] * weight.at[k];
                }
            }
            store_channels<VECTOR>(gx + ((n * s.H + u) * s.W + v) * C + c, sum.at);
        }
}

// x (N, H, W, C), gy (N, OH, OW, C) -> partial (gridDim.y, KH, KW, C): each block of at most 256 threads takes lines of output (n, h), one
// after another for each of its rows of threads, and sums up ROWS rows of a segment of WIDTH taps.
// Threads: x for channels, y for lines.
// Blocks: x for both of channels (fastest) and segments of the window, y for parts of the lines.
KERNEL depthwise_weight_parts(const Real* x, const Real* gy, Wide* partial, Index N, Index C, WINDOWS)
{
    __shared__ Wide scratch[256 * VECTOR];
    Windows s = WINDOWS_AS_INTS;
    int across = ((int)C + blockDim.x * VECTOR - 1) / (blockDim.x * VECTOR), segments = (s.KW + WIDTH - 1) / WIDTH;
    int c = (blockIdx.x % across * blockDim.x + threadIdx.x) * VECTOR;
    int segment = blockIdx.x / across, top = segment / segments * ROWS, first = segment % segments * WIDTH;
    int used = taps_of_segment(first, s.KW);
    Vector sum[ROWS][WIDTH] = {};

    Index lines = c < C ? N * s.OH : 0;
    for (Index line = (Index)blockIdx.y * blockDim.y + threadIdx.y; line < lines; line += (Index)gridDim.y * blockDim.y) {
        Index n = line / s.OH;
        int h = (int)(line - n * s.OH);
        for (int left = 0; left < s.OW; left += PIXELS) {
            Vector g[PIXELS], value[READ];
#pragma unroll
            for (int p = 0; p < PIXELS; ++p) g[p] = load_channels<VECTOR>(gy + (line * s.OW + left + p) * C + c, left + p < s.OW);
#pragma unroll
            for (int r = 0; r < ROWS; ++r) {
                int u = h * s.sh + (top + r) * s.dh - s.ph;
                if (top + r >= s.KH || !inside(u, s.H)) continue;
                load_row(value, x + (n * s.H + u) * s.W * C + c, left, first, used, C, s);
#pragma unroll
                for (int p = 0; p < PIXELS; ++p)
                    if (left + p < s.OW)  // else 0 * infinity would make a NaN of what no window saw
#pragma unroll
                        for (int j = 0; j < WIDTH; ++j)
                            for (int k = 0; k < VECTOR; ++k) sum[r][j].at[k] += value[p * STEP + j].at[k] * g[p].at[k];
            }
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; ++r)
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) {
            for (int k = 0; k < VECTOR; ++k) scratch[(threadIdx.y * blockDim.x + threadIdx.x) * VECTOR + k] = sum[r][j].at[k];
            __syncthreads();
            if (threadIdx.y == 0 && c < C && top + r < s.KH && j < used) {
                Wide* out = partial + (((Index)blockIdx.y * s.KH + top + r) * s.KW + first + j) * C + c;
                for (int k = 0; k < VECTOR; ++k) {
                    Wide total = 0;
                    for (int row = 0; row < blockDim.y; ++row) total += scratch[(row * blockDim.x + threadIdx.x) * VECTOR + k];
                    out[k] = total;
                }
            }
            __syncthreads();
        }
}

KERNEL depthwise_weight(const Wide* partial, Real* gw, Index parts, Index taps, Index C)
{
    __shared__ double sums[8][33];
    sum_weight_parts(partial, gw, parts, taps, 1, C, sums);
}
