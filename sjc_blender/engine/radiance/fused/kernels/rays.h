// What the kernels of the ray marcher share: a ray's samples, and trilinear look-ups.
// CHANNELS and PIXEL_SPACE are put before this file when a kernel is made.

// Optical depth behind which nothing is looked at: what is there has weights and gradients below 1e-10.
const float OPAQUE = 23.0f;

// The features of a voxel; they lie together in memory.
struct Features {
#if defined(__CUDA_ARCH__)
    float value[CHANNELS];
#define EACH_CHANNEL(expression) \
    for (int c = 0; c < CHANNELS; c++) { expression; }
#define OF(features) features.value[c]
#else
    typedef float Lanes __attribute__((ext_vector_type(CHANNELS)));
    Lanes value;
#define EACH_CHANNEL(expression) expression;
#define OF(features) features.value
#endif
    static CUDA_CALLABLE WP_FORCEINLINE Features load(const float *from) {
        Features result;
#if defined(__CUDA_ARCH__)
        for (int c = 0; c < CHANNELS; c++) result.value[c] = from[c];
#else
        __builtin_memcpy(&result.value, from, CHANNELS * sizeof(float));
#endif
        return result;
    }
    CUDA_CALLABLE WP_FORCEINLINE void store(float *to) const {
#if defined(__CUDA_ARCH__)
        for (int c = 0; c < CHANNELS; c++) to[c] = value[c];
#else
        __builtin_memcpy(to, &value, CHANNELS * sizeof(float));
#endif
    }
    // A pixel of an image, in whose memory a channel comes after the other; without one, 0.
    static CUDA_CALLABLE WP_FORCEINLINE Features at(const float *image, int pixel, long long pixels) {
        Features result;
        for (int c = 0; c < CHANNELS; c++) result.value[c] = image ? image[c * pixels + pixel] : 0.0f;
        return result;
    }
    CUDA_CALLABLE WP_FORCEINLINE void put(float *image, int pixel, long long pixels) const {
        for (int c = 0; c < CHANNELS; c++) image[c * pixels + pixel] = value[c];
    }
    static CUDA_CALLABLE WP_FORCEINLINE Features zero() {
        Features result;
        EACH_CHANNEL(OF(result) = 0.0f)
        return result;
    }
    CUDA_CALLABLE WP_FORCEINLINE Features plus(float factor, const Features &other) const {
        Features result;
        EACH_CHANNEL(OF(result) = OF((*this)) + factor * OF(other))
        return result;
    }
    CUDA_CALLABLE WP_FORCEINLINE Features times(float factor) const {
        Features result;
        EACH_CHANNEL(OF(result) = factor * OF((*this)))
        return result;
    }
    static CUDA_CALLABLE WP_FORCEINLINE Features between(float share, const Features &a, const Features &b) {
        Features result;
        EACH_CHANNEL(OF(result) = OF(a) + share * (OF(b) - OF(a)))
        return result;
    }
    CUDA_CALLABLE WP_FORCEINLINE float dot(const Features &other) const {
        float sum = 0.0f;
        for (int c = 0; c < CHANNELS; c++) sum += value[c] * other.value[c];
        return sum;
    }
    // In pixel space a feature is a colour, 2 sigmoid(f) - 1; `slope` becomes its derivative.
    CUDA_CALLABLE WP_FORCEINLINE Features activated() const {
        if (!PIXEL_SPACE) return *this;
        Features result;
        for (int c = 0; c < CHANNELS; c++) result.value[c] = 2.0f * Math::sigmoid(value[c]) - 1.0f;
        return result;
    }
    CUDA_CALLABLE WP_FORCEINLINE Features times_slope(const Features &features) const {
        if (!PIXEL_SPACE) return *this;
        Features result;
        for (int c = 0; c < CHANNELS; c++) {
            const float s = Math::sigmoid(features.value[c]);
            result.value[c] = value[c] * 2.0f * s * (1.0f - s);
        }
        return result;
    }
    // this += factor * amount at a voxel of a gradient that other threads add to as well.
    static CUDA_CALLABLE WP_FORCEINLINE void add(float *to, float factor, const Features &amount) {
#if defined(__CUDA_ARCH__)
        for (int c = 0; c < CHANNELS; c++) atomicAdd(to + c, factor * amount.value[c]);
#else
        load(to).plus(factor, amount).store(to);
#endif
    }
};

struct Density {
    static CUDA_CALLABLE WP_FORCEINLINE void add(float *to, float amount) {
#if defined(__CUDA_ARCH__)
        atomicAdd(to, amount);
#else
        *to += amount;
#endif
    }
};

// The samples of a ray: half a voxel apart, in the middle of their segments; the last segment ends with the box.
struct Ray {
    float begin, span, step;
    float ox, oy, oz, dx, dy, dz;  // in voxels, whole numbers at voxel centres
    int count;

    CUDA_CALLABLE WP_FORCEINLINE Ray(const float *origin, const float *direction, float begin_, float span_, float step_,
                                     int samples, float voxel_size, float hx, float hy, float hz) {
        begin = begin_;
        span = span_;
        step = step_;
        const float segments = span / step;
        count = (int)segments;
        count += count < segments;
        count = count < samples ? count : samples;
        const float per_voxel = 1.0f / voxel_size;
        ox = (origin[0] + hx) * per_voxel - 0.5f;
        oy = (origin[1] + hy) * per_voxel - 0.5f;
        oz = (origin[2] + hz) * per_voxel - 0.5f;
        dx = direction[0] * per_voxel;
        dy = direction[1] * per_voxel;
        dz = direction[2] * per_voxel;
    }
    CUDA_CALLABLE WP_FORCEINLINE float length(int sample) const {
        const float left = span - sample * step;
        return left < step ? (left > 0.0f ? left : 0.0f) : step;
    }
    CUDA_CALLABLE WP_FORCEINLINE float distance(int sample) const {
        return begin + sample * step + 0.5f * length(sample);
    }
};

// A cell between eight voxel centres: the lowest of them, and where a point lies in between. Beyond the outermost
// centres it is the outermost cell at its border. An axis of one voxel has cells of no size.
struct Cells {
    int nx, ny, nz;
    CUDA_CALLABLE WP_FORCEINLINE Cells(int nx_, int ny_, int nz_) : nx(nx_), ny(ny_), nz(nz_) {}
    static CUDA_CALLABLE WP_FORCEINLINE int along(float place, int size, float &share) {
        const float last = (float)(size - 1);
        place = place < 0.0f ? 0.0f : (place > last ? last : place);
        int lowest = (int)place;
        lowest = lowest > size - 2 ? size - 2 : lowest;
        lowest = lowest < 0 ? 0 : lowest;
        share = place - (float)lowest;
        return lowest;
    }
    CUDA_CALLABLE WP_FORCEINLINE int x(const Ray &ray, float t, float &share) const {
        return along(ray.ox + t * ray.dx, nx, share);
    }
    CUDA_CALLABLE WP_FORCEINLINE int lowest(const Ray &ray, float t, float &fx, float &fy, float &fz) const {
        const int ix = along(ray.ox + t * ray.dx, nx, fx);
        const int iy = along(ray.oy + t * ray.dy, ny, fy);
        const int iz = along(ray.oz + t * ray.dz, nz, fz);
        return (ix * ny + iy) * nz + iz;
    }
    CUDA_CALLABLE WP_FORCEINLINE int to_next_x() const { return nx > 1 ? ny * nz : 0; }
    CUDA_CALLABLE WP_FORCEINLINE int to_next_y() const { return ny > 1 ? nz : 0; }
    CUDA_CALLABLE WP_FORCEINLINE int to_next_z() const { return nz > 1 ? 1 : 0; }
};

struct LookUp {
    static CUDA_CALLABLE WP_FORCEINLINE float density(const float *v, int sx, int sy, int sz, float fx, float fy, float fz) {
        const float a = v[0] + fz * (v[sz] - v[0]);
        const float b = v[sy] + fz * (v[sy + sz] - v[sy]);
        const float c = v[sx] + fz * (v[sx + sz] - v[sx]);
        const float d = v[sx + sy] + fz * (v[sx + sy + sz] - v[sx + sy]);
        const float e = a + fy * (b - a), f = c + fy * (d - c);
        return e + fx * (f - e);
    }
    static CUDA_CALLABLE WP_FORCEINLINE Features features(const float *v, int sx, int sy, int sz, float fx, float fy, float fz) {
        const int x = CHANNELS * sx, y = CHANNELS * sy, z = CHANNELS * sz;
        const Features a = Features::between(fz, Features::load(v), Features::load(v + z));
        const Features b = Features::between(fz, Features::load(v + y), Features::load(v + y + z));
        const Features c = Features::between(fz, Features::load(v + x), Features::load(v + x + z));
        const Features d = Features::between(fz, Features::load(v + x + y), Features::load(v + x + y + z));
        return Features::between(fx, Features::between(fy, a, b), Features::between(fy, c, d));
    }
};

// What every kernel begins with. The rays are taken column by column: neighbours along Z, as the pixels of a column are as
// a rule, lie side by side in memory.
const int rays = march.height * march.width;
const int pixel = index % march.height * march.width + index / march.height;
const float *const origin = (const float *)march.origins + 3 * (long long)pixel;
const float *const direction = (const float *)march.directions + 3 * (long long)pixel;
float *const entry = (float *)march.entries + pixel, *const length = (float *)march.lengths + pixel;
