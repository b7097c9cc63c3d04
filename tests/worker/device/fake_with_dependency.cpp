// Cannot be opened without libresnext_fake_dependency.so.

extern "C" int resnext_fake_dependency();

extern "C" int resnext_fake_user() {
  return resnext_fake_dependency();
}
