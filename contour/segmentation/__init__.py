"""From CT to structures: model folders, the network's input and answer, body and clean-up."""
