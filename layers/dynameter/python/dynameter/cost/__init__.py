"""What a workload costs in on-demand units and dollars, from measured figures. Pure."""
