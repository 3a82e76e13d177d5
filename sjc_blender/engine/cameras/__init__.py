"""Where cameras stand: viewpoints of the optimisation, and camera paths of videos."""
