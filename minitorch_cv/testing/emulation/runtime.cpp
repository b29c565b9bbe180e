// Runs CUDA blocks on the CPU: every thread of a block is a fiber, and the fibers of a block take turns.
//
// A fiber runs until it waits: at __syncthreads, or for the other lanes of its warp. All is done by one thread of the operating system,
// so that every run is repeatable; the order of the threads, and that of the blocks, is chosen from outside: a kernel that
// needs an order which CUDA does not promise gives another result in another order.
//
// What goes wrong becomes a sentence, and the launch an error: threads of one block at different barriers, memory that is not there,
// a division of integers by zero, an overflow of signed integers, an index outside of an array (the compiler's sanitizer calls the
// handlers at the end of this file).
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };

namespace cuda_on_cpu {

uint3 thread_index, block_index;
dim3 block_size, grid_size;
int thread_number;
char* dynamic_shared;

typedef void (*Body)(void*);

namespace {

const size_t STACK = 128 * 1024;  // bytes for the local variables of one thread
const int WARP = 32;

enum State { NOT_STARTED, RUNNING, DONE };

struct Copy {  // one cp.async on its way
    void* to;
    const void* from;
    int bytes, valid;
};

struct Fiber {
    char* stack = nullptr;
    ucontext_t start;
    jmp_buf place;
    State state = NOT_STARTED;
    int thread = 0;
    bool alive = false;             // its loop in fiber_main has begun, and can be entered by longjmp
    unsigned barriers = 0;          // passed so far
    const char* file = "";          // of the last barrier
    int line = 0;
    unsigned exchanges = 0;         // how many shuffles and votes so far: they alternate between two slots
    std::vector<Copy> copies;
    std::vector<size_t> groups;     // copies in each committed group, oldest first
};

struct Warp {
    unsigned arrived = 0, generation = 0;
    unsigned long long slot[2][WARP];
    bool said_yes[2][WARP];
};

std::vector<Fiber*> fibers;  // kept from launch to launch: stacks are costly
std::vector<Warp> warps;
std::vector<char> dynamic_memory;
Fiber* current;
jmp_buf scheduler;
Body the_body;
void* the_closure;
int threads, live, arrived;
unsigned generation;
unsigned long progress;  // counts everything that lets somebody go on
int thread_order, block_order;
long long first_block, block_count = -1;
char message[1024];
bool failed;

void fail(const char* format, ...)
{
    if (failed) return;  // the first fault is the cause
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length < (int)sizeof message)
        snprintf(message + length, sizeof message - length, " (block %u, %u, %u, thread %u, %u, %u)", block_index.x, block_index.y, block_index.z,
                 thread_index.x, thread_index.y, thread_index.z);
    failed = true;
}

[[noreturn]] void give_up() { _longjmp(scheduler, 2); }

void set_thread(int number)
{
    thread_number = number;
    thread_index = {number % block_size.x, number / block_size.x % block_size.y, number / block_size.x / block_size.y};
}

void fiber_main()
{
    for (;;) {
        the_body(the_closure);
        current->state = DONE;
        ++progress;
        // As on the GPU, a barrier waits for the threads that are still there.
        if (--live && arrived == live) { arrived = 0; ++generation; }
        if (!_setjmp(current->place)) _longjmp(scheduler, 1);
    }
}

void forget(Fiber* fiber)  // its stack holds the middle of a kernel that will not be finished
{
    munmap(fiber->stack, STACK);
    delete fiber;
}

Fiber* new_fiber()
{
    Fiber* fiber = new Fiber;
    fiber->stack = (char*)mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    getcontext(&fiber->start);
    fiber->start.uc_stack.ss_sp = fiber->stack;
    fiber->start.uc_stack.ss_size = STACK;
    fiber->start.uc_link = nullptr;
    makecontext(&fiber->start, fiber_main, 0);
    return fiber;
}

void resume(Fiber* fiber)
{
    current = fiber;
    set_thread(fiber->thread);
    if (_setjmp(scheduler)) return;
    if (fiber->alive) _longjmp(fiber->place, 1);
    fiber->alive = true;
    setcontext(&fiber->start);
}

void wait_for_others()
{
    if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}

unsigned lanes_of(int warp)
{
    int lanes = threads - warp * WARP;
    return lanes >= WARP ? 0xffffffffu : (1u << lanes) - 1;
}

// 0, 1, 2, ... for order 0, backward for 1, else shuffled, by the order's number.
void arrange(std::vector<long long>& numbers, long long first, long long count, int order)
{
    numbers.resize(count);
    for (long long i = 0; i < count; ++i) numbers[i] = first + (order == 1 ? count - 1 - i : i);
    if (order < 2) return;
    uint64_t random = 0x9e3779b97f4a7c15ull * (uint64_t)order;
    for (long long i = count - 1; i > 0; --i) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        long long other = (long long)((random >> 33) % (uint64_t)(i + 1));
        long long kept = numbers[i];
        numbers[i] = numbers[other];
        numbers[other] = kept;
    }
}

void run_block(const std::vector<long long>& order)
{
    static std::vector<Fiber*> waiting, still;
    live = threads;
    arrived = 0;
    waiting.clear();
    // The first turn of every thread. One that never waits ends here, and the next thread takes over its fiber.
    size_t used = 0;
    unsigned barriers = 0;
    bool some_done = false, differ = false;
    Fiber* other = nullptr;
    auto finished = [&](Fiber* fiber) {
        if (some_done && fiber->barriers != barriers) { differ = true; other = fiber; }
        some_done = true;
        barriers = fiber->barriers;
    };
    for (long long number : order) {
        if (used == fibers.size()) fibers.push_back(new_fiber());
        Fiber* fiber = fibers[used];
        fiber->state = RUNNING;
        fiber->thread = (int)number;
        fiber->barriers = fiber->exchanges = 0;
        fiber->copies.clear();
        fiber->groups.clear();
        resume(fiber);
        if (failed) return;
        if (fiber->state == RUNNING) { waiting.push_back(fiber); ++used; }
        else finished(fiber);
    }
    while (!waiting.empty()) {
        unsigned long before = progress;
        still.clear();
        for (Fiber* fiber : waiting) {
            resume(fiber);
            if (failed) return;
            if (fiber->state == RUNNING) still.push_back(fiber);
            else finished(fiber);
        }
        waiting.swap(still);
        if (before == progress && !waiting.empty()) {
            set_thread(waiting[0]->thread);
            fail("threads of one block wait for one another at different places; one at %s:%d", waiting[0]->file, waiting[0]->line);
            return;
        }
    }
    if (differ) {
        set_thread(other->thread);
        fail("not every thread of the block reached every __syncthreads; the last one was at %s:%d", other->file, other->line);
    }
}

void on_signal(int number, siginfo_t* information, void*)
{
    if (number == SIGFPE) fail("an integer was divided by zero");
    else fail("memory at %p does not belong to any array", information->si_addr);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    give_up();
}

}  // namespace

void barrier(const char* file, int line)
{
    unsigned mine = generation;
    ++progress;
    ++current->barriers;
    current->file = file;
    current->line = line;
    if (++arrived == live) { arrived = 0; ++generation; return; }
    while (generation == mine) wait_for_others();
}

void warp_barrier(unsigned mask)
{
    Warp& warp = warps[thread_number / WARP];
    unsigned mine = warp.generation, needed = mask & lanes_of(thread_number / WARP), lane = 1u << (thread_number & (WARP - 1));
    if (!(mask & lane)) { fail("a thread waits for a warp's lanes 0x%08x, to which it does not belong", mask); give_up(); }
    ++progress;
    warp.arrived |= lane;
    if ((warp.arrived & needed) == needed) { warp.arrived &= ~needed; ++warp.generation; return; }
    while (warp.generation == mine) wait_for_others();
}

unsigned long long exchange(unsigned mask, unsigned long long bits, int source)
{
    Warp& warp = warps[thread_number / WARP];
    int lane = thread_number & (WARP - 1), slot = current->exchanges++ & 1;
    warp.slot[slot][lane] = bits;
    warp_barrier(mask);
    bool there = source >= 0 && source < WARP && (lanes_of(thread_number / WARP) >> source & 1);
    if (there && !(mask >> source & 1)) { fail("a shuffle reads lane %d, which is not in its mask 0x%08x", source, mask); give_up(); }
    return there ? warp.slot[slot][source] : bits;
}

unsigned vote(unsigned mask, bool yes)
{
    Warp& warp = warps[thread_number / WARP];
    int slot = current->exchanges++ & 1;
    warp.said_yes[slot][thread_number & (WARP - 1)] = yes;
    warp_barrier(mask);
    unsigned result = 0, there = mask & lanes_of(thread_number / WARP);
    for (int lane = 0; lane < WARP; ++lane)
        if (there >> lane & 1) result |= (unsigned)warp.said_yes[slot][lane] << lane;
    return result;
}

void check_aligned(const void* at, int bytes)
{
    if ((uintptr_t)at % bytes == 0) return;
    fail("the address %p is no multiple of %d", at, bytes);
    give_up();
}

// cp.async: nothing arrives before somebody waits. A kernel that forgets to wait reads poison.
void copy_later(void* shared, const void* global, int bytes, int valid)
{
    check_aligned(shared, bytes);
    if (valid) check_aligned(global, bytes);
    current->copies.push_back({shared, global, bytes, valid});
}

void commit_copies()
{
    size_t before = 0;
    for (size_t group : current->groups) before += group;
    current->groups.push_back(current->copies.size() - before);
}

void wait_copies(int groups_still_on_the_way)
{
    while ((int)current->groups.size() > groups_still_on_the_way) {
        size_t count = current->groups[0];
        for (size_t i = 0; i < count; ++i) {
            Copy& copy = current->copies[i];
            if (copy.valid) memcpy(copy.to, copy.from, copy.valid);
            memset((char*)copy.to + copy.valid, 0, copy.bytes - copy.valid);
        }
        current->copies.erase(current->copies.begin(), current->copies.begin() + count);
        current->groups.erase(current->groups.begin());
    }
}

unsigned short float16_bits(float value)
{
    uint32_t whole;
    memcpy(&whole, &value, 4);
    uint32_t sign = whole >> 16 & 0x8000, magnitude = whole & 0x7fffffff;
    if (magnitude > 0x7f800000) return (unsigned short)(sign | 0x7e00);   // NaN
    if (magnitude >= 0x477ff000) return (unsigned short)(sign | 0x7c00);  // rounds to more than 65504
    if (magnitude < 0x38800000) {                                         // below 2^-14: whole multiples of 2^-24
        float absolute;
        memcpy(&absolute, &magnitude, 4);
        float shifted = absolute + 0.5f;  // the fraction's last bit is now 2^-24, and the addition has rounded to it
        memcpy(&magnitude, &shifted, 4);
        return (unsigned short)(sign | (magnitude - 0x3f000000));
    }
    magnitude += 0xfff + (magnitude >> 13 & 1);  // to nearest, ties to even
    return (unsigned short)(sign | (magnitude - 0x38000000) >> 13);
}

float float16_value(unsigned short bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff, whole;
    if (exponent == 31) whole = sign | 0x7f800000 | fraction << 13;
    else if (exponent) whole = sign | (exponent + 112) << 23 | fraction << 13;
    else {
        float small = (float)fraction * 5.9604644775390625e-8f;  // 2^-24
        memcpy(&whole, &small, 4);
        whole |= sign;
    }
    float value;
    memcpy(&value, &whole, 4);
    return value;
}

int launch(Body body, void* closure, const unsigned* grid, const unsigned* block, unsigned bytes, char* shared_begin, char* shared_end)
{
    struct sigaction action = {}, before[3];
    const int signals[] = {SIGSEGV, SIGBUS, SIGFPE};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    for (int i = 0; i < 3; ++i) sigaction(signals[i], &action, &before[i]);
    the_body = body;
    the_closure = closure;
    grid_size = {grid[0], grid[1], grid[2]};
    block_size = {block[0], block[1], block[2]};
    threads = (int)(block[0] * block[1] * block[2]);
    failed = false;
    static std::vector<long long> blocks, order;
    long long count = (long long)grid[0] * grid[1] * grid[2], first = 0;
    if (block_count >= 0) {  // some blocks alone; negative numbers count from the last
        first = first_block < 0 ? count + first_block : first_block;
        count = block_count < count - first ? block_count : count - first;
    }
    arrange(blocks, first, count, block_order);
    arrange(order, 0, threads, thread_order);
    for (long long number : blocks) {
        block_index = {(unsigned)(number % grid[0]), (unsigned)(number / grid[0] % grid[1]), (unsigned)(number / grid[0] / grid[1])};
        warps.assign((threads + WARP - 1) / WARP, Warp());
        // Shared memory begins as NaN (as garbage, for integers): what is read before it was written shows.
        dynamic_memory.assign(bytes + 64, (char)0xff);
        dynamic_shared = dynamic_memory.data() + (64 - (uintptr_t)dynamic_memory.data() % 64) % 64;
        if (shared_begin) memset(shared_begin, 0xff, shared_end - shared_begin);
        run_block(order);
        if (failed) break;
    }
    if (failed) {
        for (Fiber* fiber : fibers) forget(fiber);
        fibers.clear();
    }
    for (int i = 0; i < 3; ++i) sigaction(signals[i], &before[i], nullptr);
    return failed;
}

}  // namespace cuda_on_cpu

using namespace cuda_on_cpu;

extern "C" {

const char* cuda_on_cpu_message() { return message; }

void cuda_on_cpu_order(int threads_by, int blocks_by) { thread_order = threads_by, block_order = blocks_by; }

void cuda_on_cpu_blocks(long long first, long long count) { first_block = first, block_count = count; }

// --- what -fsanitize=... calls: the first member of `data` says where in the source it happened

struct Place { const char* file; uint32_t line, column; };

#define HANDLER(name, what) \
    [[noreturn]] void __ubsan_handle_##name##_abort(void* data, ...) \
    { \
        Place* place = (Place*)data; \
        fail("%s:%u: %s", place->file, place->line, what); \
        give_up(); \
    }
HANDLER(out_of_bounds, "index outside of an array")
HANDLER(add_overflow, "a sum of signed integers overflows")
HANDLER(sub_overflow, "a difference of signed integers overflows")
HANDLER(mul_overflow, "a product of signed integers overflows")
HANDLER(negate_overflow, "a negated integer overflows")
HANDLER(divrem_overflow, "an integer was divided by zero, or the quotient overflows")
HANDLER(shift_out_of_bounds, "a shift by more bits than there are, or a shifted integer that overflows")
HANDLER(type_mismatch_v1, "an address that is no multiple of what its type wants: 16 for a pack of 16 bytes")
}
