// Softmax, its logarithm and cross-entropy over the rows of a matrix (N, C). A team of threads has a row, and keeps it in registers (see
// rows.cuh): largest, sum and result take one look at memory. Numbers are computed in Wide, whatever they are stored in.
#include "rows.cuh"

// The largest number of a row and the sum of exp(x - largest); NaN and infinity make the sum NaN.
template <int V> struct Powers {
    Wide largest, sum;
    __device__ Powers(const Row<V>& row, Index packs, Wide* scratch) : largest(-infinity()), sum(0)
    {
        each_pack<V>(packs, [&](int i, Index j) {
            Pack<V> pack = row.pack(i, j);
            for (int v = 0; v < V; ++v) largest = Wide(pack.at[v]) > largest ? Wide(pack.at[v]) : largest;
        });
        largest = row_max(largest, scratch);
        each_pack<V>(packs, [&](int i, Index j) {
            Pack<V> pack = row.pack(i, j);
            for (int v = 0; v < V; ++v) sum += exp(pack.at[v] - largest);
        });
        sum = row_sum(sum, scratch);
    }
};

template <int V, bool LOG> __device__ void softmax_row(const Real* x, Real* y, Index N, Index C, Wide* scratch)
{
    Index n = row_of_thread(), packs = n < N ? C / V : 0;
    Row<V> row(x, n, C, packs);
    Powers<V> powers(row, packs, scratch);
    Wide largest = powers.largest, factor = 1 / powers.sum, logarithm = LOG ? log(powers.sum) : 0;
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> pack = row.pack(i, j);
        for (int v = 0; v < V; ++v) pack.at[v] = Real(LOG ? pack.at[v] - largest - logarithm : exp(pack.at[v] - largest) * factor);
        store_pack<V>(y, n * C + j, pack);
    });
}

KERNEL __launch_bounds__(ROW_THREADS, 1) softmax_forward(const Real* x, Real* y, Index N, Index C, Index width)
{
    __shared__ Wide scratch[32];
    if (width == 1)
        softmax_row<1, false>(x, y, N, C, scratch);
    else
        softmax_row<PACK, false>(x, y, N, C, scratch);
}

KERNEL __launch_bounds__(ROW_THREADS, 1) log_softmax_forward(const Real* x, Real* y, Index N, Index C, Index width)
{
    __shared__ Wide scratch[32];
    if (width == 1)
        softmax_row<1, true>(x, y, N, C, scratch);
    else
        softmax_row<PACK, true>(x, y, N, C, scratch);
}

template <int V, bool LOG> __device__ void gradient_row(const Real* gy, const Real* y, Real* gx, Index N, Index C, Wide* scratch)
{
    Index n = row_of_thread(), packs = n < N ? C / V : 0;
    Row<V> gs(gy, n, C, packs), row(y, n, C, packs);
    Wide sum = 0;
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> g = gs.pack(i, j), pack = row.pack(i, j);
        for (int v = 0; v < V; ++v) sum += LOG ? Wide(g.at[v]) : Wide(g.at[v]) * pack.at[v];
    });
    sum = row_sum(sum, scratch);
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> g = gs.pack(i, j), pack = row.pack(i, j);
        for (int v = 0; v < V; ++v) {
            Wide value = pack.at[v];
            pack.at[v] = Real(LOG ? g.at[v] - exp(value) * sum : value * (g.at[v] - sum));
        }
        store_pack<V>(gx, n * C + j, pack);
    });
}

// gx = y * (gy - sum gy * y)
KERNEL __launch_bounds__(ROW_THREADS, 1) softmax_gradient(const Real* gy, const Real* y, Real* gx, Index N, Index C, Index width)
{
    __shared__ Wide scratch[32];
    if (width == 1)
        gradient_row<1, false>(gy, y, gx, N, C, scratch);
    else
        gradient_row<PACK, false>(gy, y, gx, N, C, scratch);
}

// gx = gy - exp(y) * sum gy
KERNEL __launch_bounds__(ROW_THREADS, 1) log_softmax_gradient(const Real* gy, const Real* y, Real* gx, Index N, Index C, Index width)
{
    __shared__ Wide scratch[32];
    if (width == 1)
        gradient_row<1, true>(gy, y, gx, N, C, scratch);
    else
        gradient_row<PACK, true>(gy, y, gx, N, C, scratch);
}

// --- Cross-entropy. NaN stands for the loss, and for the gradient, of a class that is none: nothing here may wait for the target's values.

template <int V>
__device__ void cross_entropy_row(
    const Real* logits, const Index* target, const Wide* weight, Wide* losses, Wide* probabilities, Index ignore_index, Wide smoothing,
    Index N, Index C, Wide* scratch)
{
    Index n = row_of_thread(), packs = n < N ? C / V : 0;
    Row<V> row(logits, n, C, packs);
    Powers<V> powers(row, packs, scratch);
    Wide largest = powers.largest, factor = 1 / powers.sum, logarithm = log(powers.sum), spread = 0;
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> pack = row.pack(i, j);
        for (int v = 0; v < V; ++v) {
            probabilities[n * C + j + v] = exp(pack.at[v] - largest) * factor;
            if (smoothing != 0) spread += (weight ? weight[j + v] : 1) * (pack.at[v] - largest - logarithm);
        }
    });
    if (smoothing != 0) spread = row_sum(spread, scratch);
    if (n >= N || threadIdx.x > 0) return;
    Index t = target[n];
    Wide loss = 0;
    if (t != ignore_index && (t < 0 || t >= C))
        loss = not_a_number();
    else if (t != ignore_index) {
        loss = -(1 - smoothing) * (weight ? weight[t] : 1) * (logits[n * C + t] - largest - logarithm);
        if (smoothing != 0) loss -= smoothing / C * spread;
    }
    losses[n] = loss;
}

// logits (N, C), target (N) -> losses (N), probabilities (N, C). weight (C) may be null.
KERNEL __launch_bounds__(ROW_THREADS, 1) cross_entropy_forward(
    const Real* logits, const Index* target, const Wide* weight, Wide* losses, Wide* probabilities, Index ignore_index, double smoothing,
    Index N, Index C, Index width)
{
    __shared__ Wide scratch[32];
    if (width == 1)
        cross_entropy_row<1>(logits, target, weight, losses, probabilities, ignore_index, smoothing, N, C, scratch);
    else
        cross_entropy_row<PACK>(logits, target, weight, losses, probabilities, ignore_index, smoothing, N, C, scratch);
}

// gx[n, c] = gloss[n] * ((1 - s) * w[t] * (p[n, c] - [c = t]) + s / C * (p[n, c] * sum w - w[c])); 0 where t is ignored.
KERNEL __launch_bounds__(ROW_THREADS, 1) cross_entropy_gradient(
    const Wide* gloss, const Wide* probabilities, const Index* target, const Wide* weight, Real* gx, Index ignore_index, double smoothing,
    Index N, Index C)
{
    __shared__ Wide scratch[32];
    Index n = row_of_thread(), t = n < N ? target[n] : ignore_index;
    Wide total = C, spread = Wide(smoothing) / C, hard = 0, g = 0;
    if (weight && smoothing != 0) {
        Wide sum = 0;
        for (Index c = threadIdx.x; c < C; c += blockDim.x) sum += weight[c];
        total = row_sum(sum, scratch);
    }
    if (n >= N) return;
    if (t != ignore_index) {
        bool wrong = t < 0 || t >= C;
        hard = wrong ? not_a_number() : (1 - Wide(smoothing)) * (weight ? weight[t] : 1);
        g = gloss[n];
    }
    for (Index c = threadIdx.x; c < C; c += blockDim.x) {
        Wide p = probabilities[n * C + c], value = hard * (c == t ? p - 1 : p);
        if (smoothing != 0) value += spread * (p * total - (weight ? weight[c] : 1));
        gx[n * C + c] = Real(t == ignore_index ? Wide(0) : g * value);
    }
}
