"""Trains the LoRA adapters of ProPerSim's nights: leases jobs of the trainer, trains, and uploads the result."""
