"""RealSense cameras and their recordings, through the SDK."""
