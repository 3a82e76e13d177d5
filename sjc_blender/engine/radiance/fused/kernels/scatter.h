// One ray's gradients on the voxels around its samples, those in the cells from `first` to `last` - 1 along x.
//
// On a CPU such a slab of the grid is one thread's. The voxels at its upper end are the next slab's first: what they
// get from this one goes into `density_border` and `feature_border` (0: there is no next slab) and is added later, so
// that sums are in the same order on any number of threads. On CUDA there is one slab and additions are atomic.
const float *__restrict__ features = (const float *)march.feature_grid;
const float *__restrict__ weight = (const float *)march.weights + (long long)index * samples;
const float *__restrict__ of_raw = (const float *)march.raw_gradients + (long long)index * samples;
const Features of_image = Features::load((const float *)march.image_gradients + CHANNELS * (long long)index);
float *__restrict__ of_density = (float *)march.density_gradients;
float *__restrict__ of_features = (float *)march.feature_gradients;

// The samples that lie in the slab are neighbours; one more at each end covers rounding.
int from = 0, until = ray.count;
if (first > 0 || last < cells.nx) {
    const float low = first > 0 ? (float)first : -1e30f, high = last < cells.nx - 1 ? (float)last : 1e30f;
    const float per_sample = ray.dx * ray.step, at_first = ray.ox + (ray.begin + 0.5f * ray.step) * ray.dx;
    if (per_sample > 1e-6f || per_sample < -1e-6f) {
        float a = (low - at_first) / per_sample, b = (high - at_first) / per_sample;
        if (a > b) {
            const float swap = a;
            a = b;
            b = swap;
        }
        a = a < 0.0f ? 0.0f : (a > (float)ray.count ? (float)ray.count : a);
        b = b < -2.0f ? -2.0f : (b > (float)ray.count ? (float)ray.count : b);
        from = (int)a > 1 ? (int)a - 1 : 0;
        until = (int)b + 3 < ray.count ? (int)b + 3 : ray.count;
    }
}
for (int start = from; start < until; start += BLOCK) {
    const int size = until - start < BLOCK ? until - start : BLOCK;
    float fx[BLOCK], fy[BLOCK], fz[BLOCK];
    int cell[BLOCK];
    for (int i = 0; i < size; i++) cell[i] = cells.lowest(ray, ray.distance(start + i), fx[i], fy[i], fz[i]);
    const int low = first * cells.ny * cells.nz, high = last * cells.ny * cells.nz;
    const int border = high - sx;  // cells from here on have their upper voxels in the next slab
    for (int i = 0; i < size; i++) {
        if (cell[i] < low || cell[i] >= high) continue;
        PREFETCH(of_density + cell[i], 1);
        PREFETCH(of_density + cell[i] + sy, 1);
        PREFETCH(of_density + cell[i] + sx, 1);
        PREFETCH(of_density + cell[i] + sx + sy, 1);
        if (!(weight[start + i] > threshold)) continue;
        float *at = of_features + CHANNELS * (long long)cell[i];
        PREFETCH(at, 1);
        PREFETCH(at + CHANNELS * sy, 1);
        PREFETCH(at + CHANNELS * sx, 1);
        PREFETCH(at + CHANNELS * (sx + sy), 1);
    }
    for (int i = 0; i < size; i++) {
        if (cell[i] < low || cell[i] >= high) continue;
        const bool upper = density_border != 0 && cell[i] >= border;
        const float gx = 1.0f - fx[i], gy = 1.0f - fy[i], gz = 1.0f - fz[i];
        const float k00 = gx * gy, k01 = gx * fy[i], k10 = fx[i] * gy, k11 = fx[i] * fy[i];
        const float amount = of_raw[start + i];
        float *a = of_density + cell[i];
        float *b = upper ? (float *)density_border + (cell[i] - border) : a + sx;
        Density::add(a, amount * k00 * gz);
        Density::add(a + sz, amount * k00 * fz[i]);
        Density::add(a + sy, amount * k01 * gz);
        Density::add(a + sy + sz, amount * k01 * fz[i]);
        Density::add(b, amount * k10 * gz);
        Density::add(b + sz, amount * k10 * fz[i]);
        Density::add(b + sy, amount * k11 * gz);
        Density::add(b + sy + sz, amount * k11 * fz[i]);
        if (!(weight[start + i] > threshold)) continue;
        const float w = weight[start + i];
        Features of_feature = of_image;
        if (PIXEL_SPACE) {
            const float *at = features + CHANNELS * (long long)cell[i];
            of_feature = of_image.times_slope(LookUp::features(at, sx, sy, sz, fx[i], fy[i], fz[i]));
        }
        const int y = CHANNELS * sy, z = CHANNELS * sz;
        a = of_features + CHANNELS * (long long)cell[i];
        b = upper ? (float *)feature_border + CHANNELS * (long long)(cell[i] - border) : a + CHANNELS * (long long)sx;
        Features::add(a, w * k00 * gz, of_feature);
        Features::add(a + z, w * k00 * fz[i], of_feature);
        Features::add(a + y, w * k01 * gz, of_feature);
        Features::add(a + y + z, w * k01 * fz[i], of_feature);
        Features::add(b, w * k10 * gz, of_feature);
        Features::add(b + z, w * k10 * fz[i], of_feature);
        Features::add(b + y, w * k11 * gz, of_feature);
        Features::add(b + y + z, w * k11 * fz[i], of_feature);
    }
}
