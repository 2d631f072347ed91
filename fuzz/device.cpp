// device.cl for a compiler that knows no OpenCL C.
#include "device.cl"
