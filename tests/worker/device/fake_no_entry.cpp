// A library of the plugin's name that is something else.

extern "C" int resnext_something_else() {
  return 1;
}
