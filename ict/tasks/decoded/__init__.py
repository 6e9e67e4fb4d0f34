"""Images decoded once a machine: a bounded folder of decoded sets in the user's cache, mapped into memory.

A set is the images of a list in their order, as 8-bit RGB of one side. It is found by the digests of
the images, so that one that changed is decoded anew. Never imports torch.
"""
