// What follows runs for each `index` of a `work` that `thread` takes. On CUDA each thread has one index, its number. On a
// CPU threads take pieces from a queue: none waits for a slower one.
#if defined(__CUDA_ARCH__)
const int piece_size = 1;
int first = thread;
#else
const int piece_size = work.piece;
int first = __atomic_fetch_add((int *)work.queue, piece_size, __ATOMIC_RELAXED);
#endif
while (first < work.count) {
    const int past = first + piece_size < work.count ? first + piece_size : work.count;
    for (int index = first; index < past; index++) {
        BODY
    }
#if defined(__CUDA_ARCH__)
    break;
#else
    first = __atomic_fetch_add((int *)work.queue, piece_size, __ATOMIC_RELAXED);
#endif
}
