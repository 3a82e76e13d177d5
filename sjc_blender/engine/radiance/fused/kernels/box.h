// Where the ray is in the box: the distance at which it enters (0 from inside), and its length within (0 if it misses).
{
    const float half[3] = {march.hx, march.hy, march.hz};
    float enters = 0.0f, leaves = 1e30f;
    for (int axis = 0; axis < 3; axis++) {
        const float tiny = 3e-10f;  // along an axis: the walls beside it are far away
        const float along = direction[axis] < tiny && direction[axis] > -tiny ? tiny : direction[axis];
        const float a = (-half[axis] - origin[axis]) / along, b = (half[axis] - origin[axis]) / along;
        const float low = a < b ? a : b, high = a < b ? b : a;
        enters = low > enters ? low : enters;
        leaves = high < leaves ? high : leaves;
    }
    *entry = enters;
    *length = leaves > enters ? leaves - enters : 0.0f;
}
