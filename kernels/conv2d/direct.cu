// Convolution of images of a few channels, a network's first layer: forward, and the gradients of input and weight.
//
// With 1 to 4 input channels there is little to sum up for an output, so a tile of a matrix product would be mostly padding. What there
// is instead are many output channels for each pixel, and windows that overlap. So a block of 256 threads takes a tile of output
// pixels, copies the patch of input that its windows see to shared memory, and the weights of its output channels too; then each
// thread computes 8 channels at 8 pixels in registers. For 64 products it loads 8 inputs and 8 weights: the arithmetic is the limit.
//
// Weights come as (KH, KW, C, OC): the 8 of a thread lie side by side, and so do the threads of a warp.
#include "windows.cuh"

const int THREADS = 256;  // of a block; fewer where large strides make a tile's patch of input too large
const int BLOCKS = sizeof(Wide) == 8 ? 1 : 2;  // at a time on a multiprocessor, in the forward kernel: 65536 registers for all
const int PIXELS = 8;  // of a thread
const int MOST = 4;    // channels of the input, in its gradient
const int SPREAD = 4;  // pixels of a thread there

// 4 neighbours in shared memory, loaded by one instruction.
struct alignas(16) Four {
    Wide at[4];
};

// A thread's 8 channels, of the 8 * blockDim.x of its block: 4 and again 4 behind those of all others, so that the threads of a warp read
// 16 bytes next to each other's, from different banks.
__device__ inline int channel_of(int group, int groups, int k) { return k / 4 * 4 * groups + group * 4 + k % 4; }

// x (N, H, W, C), weight (KH, KW, C, OC), bias (OC) or null -> y (N, OH, OW, OC).
// Threads: x for groups of 8 output channels, y for places in the tile, `beside` of which are in a row. The pixels of a thread are
// `beside` columns apart, so that neighbours take neighbours. Blocks: x for tiles, y for 8 * blockDim.x output channels, z for images.
// `deep`: rows of the window for which there is room in shared memory at a time.
KERNEL __launch_bounds__(THREADS, BLOCKS)
direct_forward(const Real* x, const Real* weight, const Real* bias, Real* y, Index N, Index C, Index OC, Index beside, Index deep, WINDOWS)
{
    extern __shared__ __align__(16) Wide shared[];
    Windows s = WINDOWS_AS_INTS;
    int group = threadIdx.x, groups = blockDim.x, block_channels = 8 * groups;
    int thread = group + groups * threadIdx.y, threads = groups * blockDim.y;
    int columns = PIXELS * (int)beside, rows = blockDim.y / (int)beside;  // of the tile
    int tiles = (s.OW + columns - 1) / columns;
    int left = blockIdx.x % tiles * columns, top = blockIdx.x / tiles * rows;
    int first = blockIdx.y * block_channels;
    int place_x = threadIdx.y % (int)beside, place_y = threadIdx.y / (int)beside;
    int channels = (int)C, row_length = ((columns - 1) * s.sw + (s.KW - 1) * s.dw + 1) * channels;  // of the patch
    Wide* patch = shared + deep * s.KW * channels * block_channels;

    for (Index n = blockIdx.z; n < N; n += gridDim.z) {
        Wide sum[PIXELS][8];
#pragma unroll
        for (int k = 0; k < 8; ++k) {
            int o = first + channel_of(group, groups, k);
            sum[0][k] = bias != nullptr && o < OC ? (Wide)bias[o] : Wide(0);
            for (int p = 1; p < PIXELS; ++p) sum[p][k] = sum[0][k];
        }
        for (int i0 = 0; i0 < s.KH; i0 += (int)deep) {
            int depth = s.KH - i0 < deep ? s.KH - i0 : (int)deep;
            __syncthreads();  // until all have used what is in shared memory
            int taps = depth * s.KW * channels;
#pragma unroll 2  // more at once would take too many registers
            for (int k = thread; k < taps * block_channels; k += threads) {
                int o = first + k % block_channels;  // a power of two
                shared[k] = o < OC ? (Wide)weight[((Index)i0 * s.KW * channels + k / block_channels) * OC + o] : Wide(0);
            }
            int patch_rows = (rows - 1) * s.sh + (depth - 1) * s.dh + 1;
            Index begin = ((Index)left * s.sw - s.pw) * channels;  // of the patch in a row of input, in numbers
#pragma unroll 2
            for (int k = thread; k < patch_rows * row_length; k += threads) {
                int u = top * s.sh + i0 * s.dh - s.ph + k / row_length;
                Index at = begin + k % row_length;
                bool there = inside(u, s.H) && at >= 0 && at < (Index)s.W * channels;
                patch[k] = there ? (Wide)x[(n * s.H + u) * s.W * channels + at] : Wide(0);
            }
            __syncthreads();
            int step = (int)beside * s.sw * channels;
            for (int i = 0; i < depth; ++i)
#pragma unroll 1  // nor these loops
                for (int j = 0; j < s.KW; ++j) {
                    const Wide* from = patch + (place_y * s.sh + i * s.dh) * row_length + (place_x * s.sw + j * s.dw) * channels;
                    const Wide* tap = shared + (i * s.KW + j) * channels * block_channels + group * 4;
#pragma unroll 1
                    for (int c = 0; c < channels; ++c, tap += block_channels) {
                        Four near = *(const Four*)tap, far = *(const Four*)(tap + 4 * groups);
#pragma unroll
                        for (int p = 0; p < PIXELS; ++p) {
                            Wide value = from[p * step + c];
                            for (int k = 0; k < 4; ++k) {
                                sum[p][k] += value * near.at[k];
                                sum[p][4 + k] += value * far.at[k];
                            }
                        }
                    }
                }
        }
        int h = top + place_y;
#pragma unroll
        for (int p = 0; p < PIXELS; ++p) {
            int w = left + place_x + p * (int)beside;
            if (h >= s.OH || w >= s.OW) continue;
            Real* out = y + ((n * s.OH + h) * s.OW + w) * OC;
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int o = first + channel_of(group, groups, half * 4);
                if (OC % 4 == 0 && o < OC) {
                    store_channels<4>(out + o, sum[p] + half * 4);
                } else {
                    for (int k = 0; k < 4; ++k)
                        if (o + k < OC) out[o + k] = Real(sum[p][half * 4 + k]);
                }
            }
        }
    }
}

// gy (N, OH, OW, OC), weight (KH, KW, C, OC) -> gx (N, H, W, C) for C <= MOST. The blockDim.x threads of a team share SPREAD pixels of
// a row, and each takes some of the output channels; then the team adds up. The pixels are a stride apart: the same taps have seen them.
// Blocks: x for teams of pixels in a row, y for rows, z for images.
KERNEL direct_input(const Real* gy, const Real* weight, Real* gx, Index N, Index C, Index OC, WINDOWS)
{
    Windows s = WINDOWS_AS_INTS;
    int team = blockIdx.x * blockDim.y + threadIdx.y;
    int left = team / s.sw * s.sw * SPREAD + team % s.sw;
    for (Index n = blockIdx.z; n < N; n += gridDim.z)
        for (int u = blockIdx.y; u < s.H; u += gridDim.y) {
            Wide sum[SPREAD][MOST] = {};
            for (int i = 0; i < s.KH; ++i) {
                int h = window_at(u + s.ph - i * s.dh, s.sh, s.OH);
                if (h < 0) continue;
                const Real* row = gy + (n * s.OH + h) * s.OW * OC;
                for (int j = 0; j < s.KW; ++j) {
                    int padded = left + s.pw - j * s.dw;
                    int w = padded >= 0 ? padded / s.sw : -((s.sw - 1 - padded) / s.sw);  // rounded down
                    if (w * s.sw != padded) continue;
                    const Real* tap = weight + (Index)(i * s.KW + j) * C * OC;
                    for (int o = threadIdx.x; o < OC; o += blockDim.x) {
                        Wide value[SPREAD];
#pragma unroll
                        for (int p = 0; p < SPREAD; ++p) value[p] = inside(w + p, s.OW) ? (Wide)row[(w + p) * OC + o] : Wide(0);
#pragma unroll
                        for (int c = 0; c < MOST; ++c) {
                            if (c >= C) continue;
                            Wide product = tap[c * OC + o];
                            for (int p = 0; p < SPREAD; ++p) sum[p][c] += value[p] * product;
                        }
                    }
                }
            }
#pragma unroll
            for (int p = 0; p < SPREAD; ++p)
#pragma unroll
                for (int c = 0; c < MOST; ++c) {
                    for (int distance = blockDim.x / 2; distance > 0; distance /= 2)
                        sum[p][c] += __shfl_xor_sync(0xffffffffu, sum[p][c], distance);
                    int v = left + p * s.sw;
                    if (threadIdx.x == 0 && v < s.W && c < C) gx[((n * s.H + u) * s.W + v) * C + c] = Real(sum[p][c]);
                }
        }
}

// x (N, H, W, C), gy (N, OH, OW, OC) -> partial (gridDim.y, KH*KW*C, OC): a product of gy^T and the windows of x, whose rows are the
// taps, over the M = N*OH*OW positions. A block takes a part of the positions, `count` at a time, to shared memory. Its threads cut its
// 8 * groups output channels and 8 * teams taps into squares of 8 x 8, one for each thread; threads that are left over begin again with
// other positions, and all who share a square add up at the end. Blocks: x for both of taps (fastest) and output channels, y for parts.
KERNEL direct_weight_parts(const Real* x, const Real* gy, Wide* partial, Index N, Index C, Index OC, Index groups_, Index teams_,
                           Index count_, WINDOWS)
{
    extern __shared__ __align__(16) Wide shared[];
    __shared__ Index line_at[THREADS];  // for each position: where its image begins, and the input pixel of its tap 0
    __shared__ int down_at[THREADS], across_at[THREADS];
    Windows s = WINDOWS_AS_INTS;
    int groups = (int)groups_, teams = (int)teams_, count = (int)count_, thread = threadIdx.x, channels = (int)C;
    int block_channels = 8 * groups, block_taps = 8 * teams, squares = groups * teams;
    int taps = s.KH * s.KW * channels, tap_tiles = (taps + block_taps - 1) / block_taps;
    int first_tap = blockIdx.x % tap_tiles * block_taps, first = blockIdx.x / tap_tiles * block_channels;
    int group = thread % groups, team = thread / groups % teams, turn = thread / squares, turns = THREADS / squares;
    Wide* windows = shared + count * block_channels;

    // This thread copies always the same tap and the same channel, of different positions.
    int tap = first_tap + thread % block_taps, pixel = tap / channels;
    int tap_down = pixel / s.KW * s.dh, tap_across = pixel % s.KW * s.dw, tap_channel = tap % channels;
    int channel = first + thread % block_channels;

    Wide sum[8][8] = {};
    Index M = N * s.OH * s.OW, part = ((M + gridDim.y - 1) / gridDim.y + count - 1) / count * count;
    Index end = (blockIdx.y + 1) * part < M ? (blockIdx.y + 1) * part : M;
    for (Index m0 = blockIdx.y * part; m0 < end; m0 += count) {
        __syncthreads();
        if (thread < count) {
            Index m = m0 + thread < end ? m0 + thread : m0, line = m / s.OW, n = line / s.OH;
            line_at[thread] = m0 + thread < end ? n * s.H * s.W * C : -1;
            down_at[thread] = (int)(line - n * s.OH) * s.sh - s.ph;
            across_at[thread] = (int)(m - line * s.OW) * s.sw - s.pw;
        }
        __syncthreads();
        for (int m = thread / block_channels; m < count; m += THREADS / block_channels) {
            bool there = line_at[m] >= 0 && channel < OC;
            shared[m * block_channels + thread % block_channels] = there ? (Wide)gy[(m0 + m) * OC + channel] : Wide(0);
        }
        for (int m = thread / block_taps; m < count; m += THREADS / block_taps) {
            int u = down_at[m] + tap_down, v = across_at[m] + tap_across;
            bool there = line_at[m] >= 0 && tap < taps && inside(u, s.H) && inside(v, s.W);
            windows[m * block_taps + thread % block_taps] = there ? (Wide)x[line_at[m] + ((Index)u * s.W + v) * C + tap_channel] : Wide(0);
        }
        __syncthreads();
        for (int m = turn; m < count; m += turns) {
            const Wide *g = shared + m * block_channels + group * 4, *v = windows + m * block_taps + team * 4;
            Four gs[2] = {*(const Four*)g, *(const Four*)(g + 4 * groups)}, vs[2] = {*(const Four*)v, *(const Four*)(v + 4 * teams)};
#pragma unroll
            for (int t = 0; t < 8; ++t)
#pragma unroll
                for (int k = 0; k < 8; ++k) sum[t][k] += vs[t / 4].at[t % 4] * gs[k / 4].at[k % 4];
        }
    }
#pragma unroll
    for (int t = 0; t < 8; ++t) {
        __syncthreads();
        for (int k = 0; k < 8; ++k) shared[thread * 8 + k] = sum[t][k];
        __syncthreads();
        for (int e = thread; e < squares * 8; e += THREADS) {
            int square = e / 8, o = first + channel_of(square % groups, groups, e % 8);
            int row = first_tap + channel_of(square / groups, teams, t);
            Wide total = 0;
            for (int y = 0; y < turns; ++y) total += shared[(y * squares + square) * 8 + e % 8];
            if (row < taps && o < OC) partial[((Index)blockIdx.y * taps + row) * OC + o] = total;
        }
    }
}

// partial (parts, KH*KW, C, OC) -> gw (OC, C, KH*KW).
KERNEL direct_weight(const Wide* partial, Real* gw, Index parts, Index taps, Index C, Index OC)
{
    __shared__ double sums[8][33];
    sum_weight_parts(partial, gw, parts, taps, C, OC, sums);
}
