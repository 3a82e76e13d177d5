// The samples of a ray whose part of the box is known, and where its features are looked up.
const Ray ray(origin, direction, *entry, *length, march.step, march.samples, march.voxel_size, march.hx, march.hy,
              march.hz);
const Cells cells(march.nx, march.ny, march.nz);
const int sx = cells.to_next_x(), sy = cells.to_next_y(), sz = cells.to_next_z();
const int samples = march.samples;
// The gradient of the loss by a value of this ray, 0 if there is none.
#define GIVEN(gradients) (march.gradients ? ((const float *)march.gradients)[pixel] : 0.0f)
const float threshold = march.threshold, scale = march.emptiness_scale, factor = *(const float *)march.density_factor;
