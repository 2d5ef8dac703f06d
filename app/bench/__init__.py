"""The live path, measured: `fercore bench live`."""
