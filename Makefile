# What is done with this repository is in noxfile.py; `make NAME` is `nox -s NAME`, as in `make matrix`.
NAMES := check test quick docs bench screenshots matrix lowest lowest_lock lock audit sbom
.PHONY: $(NAMES)
$(NAMES):
	nox -s $@
