// One ray's gradients on the voxels around its samples, as far as these lie in a run of slabs: `run` of `runs`.
//
// The grid is cut into slabs along x, `slab` cells thick. What a slab's last cells have for the next slab's first voxels
// goes into `density_border` and `feature_border`, one layer of voxels a cut, and is added when all slabs are done. So
// a thread may have any run of slabs, no two threads write to the same voxel, and sums are in the same order on any
// number of threads. On CUDA there is one slab, and additions are atomic.
const int slab_from = slabs * run / runs, slab_until = slabs * (run + 1) / runs;
const int first = slab * slab_from, past = slab * slab_until;
const int last = past < march.nx ? past : march.nx;
const float *__restrict__ features = (const float *)march.feature_grid;
const float *__restrict__ weight = (const float *)march.weights + (long long)pixel * samples;
const float *__restrict__ of_raw = (const float *)march.raw_gradients + (long long)pixel * samples;
const int count = ((const int *)march.counts)[pixel];
const Features of_image = Features::at((const float *)march.image_gradients, pixel, rays);
float *__restrict__ of_density = (float *)march.density_gradients;
float *__restrict__ of_features = (float *)march.feature_gradients;

if (index == 0) {  // the first ray
    const int until = slab_until < slabs ? slab_until : slabs - 1;
    const long long layer = (long long)march.ny * march.nz;
    for (long long i = slab_from * layer; i < until * layer; i++) ((float *)density_border)[i] = 0.0f;
    for (long long i = slab_from * layer * CHANNELS; i < until * layer * CHANNELS; i++) ((float *)feature_border)[i] = 0.0f;
}

// The samples that lie in the slab are neighbours; one more at each end covers rounding.
int from = 0, until = count;
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
        a = a < 0.0f ? 0.0f : (a > (float)count ? (float)count : a);
        b = b < -2.0f ? -2.0f : (b > (float)count ? (float)count : b);
        from = (int)a > 1 ? (int)a - 1 : 0;
        until = (int)b + 3 < count ? (int)b + 3 : count;
    }
}
const int low = first * cells.ny * cells.nz, high = last * cells.ny * cells.nz;
// The next ray's, as far as they lie where this one's do: they are too far away for a CPU to guess.
const long long to_next = (long long)march.width * samples;
for (int i = from; i < until; i += 16) {
    PREFETCH(weight + to_next + i, 0);
    PREFETCH(of_raw + to_next + i, 0);
}
const float per_slab = 1.0f / (float)slab;
for (int start = from; start < until; start += BLOCK) {
    const int size = until - start < BLOCK ? until - start : BLOCK;
    float fx[BLOCK], fy[BLOCK], fz[BLOCK];
    int cell[BLOCK], border[BLOCK];
    const int lanes = (size + LANES - 1) / LANES * LANES;
    for (int i = 0; i < lanes; i++) {
        const float t = ray.distance(start + i);
        cell[i] = cells.lowest(ray, t, fx[i], fy[i], fz[i]);
        float share;
        const int next = cells.x(ray, t, share) + 1, cut = (int)(((float)next + 0.5f) * per_slab);  // next / slab
        // Where its upper voxels are in the borders, or -1: in the grid.
        border[i] = next == cut * slab && cut < slabs ? cell[i] + (cut - next) * cells.ny * cells.nz : -1;
    }
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
        const float gx = 1.0f - fx[i], gy = 1.0f - fy[i], gz = 1.0f - fz[i];
        const float k00 = gx * gy, k01 = gx * fy[i], k10 = fx[i] * gy, k11 = fx[i] * fy[i];
        const float amount = of_raw[start + i];
        float *a = of_density + cell[i];
        float *b = border[i] < 0 ? a + sx : (float *)density_border + border[i];
        Density::add(a, amount * k00 * gz);
        Density::add(a + sz, amount * k00 * fz[i]);
        Density::add(a + sy, amount * k01 * gz);
        Density::add(a + sy + sz, amount * k01 * fz[i]);
        Density::add(b, amount * k10 * gz);
        Density::add(b + sz, amount * k10 * fz[i]);
        Density::add(b + sy, amount * k11 * gz);
        Density::add(b + sy + sz, amount * k11 * fz[i]);
        const float w = weight[start + i];
        if (!(w > threshold)) continue;
        Features of_feature = of_image;
        if (PIXEL_SPACE) {
            const float *at = features + CHANNELS * (long long)cell[i];
            of_feature = of_image.times_slope(LookUp::features(at, sx, sy, sz, fx[i], fy[i], fz[i]));
        }
        const int y = CHANNELS * sy, z = CHANNELS * sz;
        a = of_features + CHANNELS * (long long)cell[i];
        b = border[i] < 0 ? a + CHANNELS * (long long)sx : (float *)feature_border + CHANNELS * (long long)border[i];
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
#if !defined(__CUDA_ARCH__)
// Whoever is through with the last run adds the borders.
if (index == rays - 1 && __atomic_add_fetch((int *)work.queue + 1, 1, __ATOMIC_ACQ_REL) == runs)
    for (int border = 0; border < slabs - 1; border++) {
        const long long layer = (long long)march.ny * march.nz, from = layer * border, to = layer * slab * (border + 1);
        for (long long i = 0; i < layer; i++) of_density[to + i] += ((float *)density_border)[from + i];
        for (long long i = 0; i < layer * CHANNELS; i++)
            of_features[to * CHANNELS + i] += ((float *)feature_border)[from * CHANNELS + i];
    }
#endif
