"""Recording a study's runs while they happen: files, clocks, streams, remote control. No Qt."""
