// The first index of the next piece of a work, for a thread that has the number `thread` and has `taken` pieces before.
// On CUDA each thread has one index, its number. On a CPU threads take pieces from a queue: none waits for a slower one.
#if defined(__CUDA_ARCH__)
return taken == 0 ? thread : work.count;
#else
return __atomic_fetch_add((int *)work.queue, work.piece, __ATOMIC_RELAXED);
#endif
