extern "C" int resnext_fake_dependency() {
  return 1;
}
