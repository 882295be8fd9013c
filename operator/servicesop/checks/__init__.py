"""The check types, one module each: spec -> observe -> judge. None of them writes anything."""
