// Ops on images [batch, height, width, channels], by file.
#include "ops/register.h"

namespace wengert {

void RegisterImageResizeOps(OpRegistry& r);     // image_resize.cc
void RegisterImageCropOps(OpRegistry& r);       // image_crop.cc
void RegisterImagePatchOps(OpRegistry& r);      // image_patches.cc
void RegisterImageTransformOps(OpRegistry& r);  // image_transform.cc
void RegisterImageColorOps(OpRegistry& r);      // image_color.cc

void RegisterImageOps(OpRegistry& r) {
  RegisterImageResizeOps(r);
  RegisterImageCropOps(r);
  RegisterImagePatchOps(r);
  RegisterImageTransformOps(r);
  RegisterImageColorOps(r);
}

}  // namespace wengert
