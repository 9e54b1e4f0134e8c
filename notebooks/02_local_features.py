# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Global or local features
# **One question: does a network that compares whole pictures know where the objects are?**

# %%
import suppression as sup

sup.lessons.clusters()

# %% [markdown]
# Each picture is a photograph with digits on it. A middle layer of a network has a vector for each
# place of the picture. k-means puts these vectors into groups, and each group has a colour: no
# label is used. Rows: the raw colours of the picture, an untrained network, SimCLR, supervised
# training. In training SimCLR compared one vector for each whole picture.
#
# **Predict.** Whose two groups agree best with where the digits are? The network has four blocks
# of layers: in which is it, block 2, 3 or 4? The score is the mutual information between groups
# and true places: 0 for none, 100 % for all.

# %%
record = sup.record("local_features")
arms = ["simclr, tau 0.2", "supervised", "untrained"]
of = {"scenes": "within image", "probe": "k-means", "measure": "nmi", "arms": arms, "top": 35}
sup.lessons.panel(record, "mask", layer="block2", title="Block 2", **of)

# %%
sup.lessons.panel(record, "mask", layer="block4", title="Block 4, the last one", **of)

# %% [markdown]
# **Explain.** Compare the trained networks with the untrained one, at few groups and at many, in
# both blocks: where do the intervals not overlap? White digits on photographs are easy to find:
# how far would the *pixels* alone take you?

# %%
sup.lessons.panel(record, "mask", layer="rgb", title="Patches of raw colours", **of)

# %% [markdown]
# **Explain.** Compare the heights. Whoever claims that a network learned something has to beat
# what needs no network at all.
#
# ## Exercises
# 1. In which of "block2", "block3", "block4" do SimCLR's two clusters (k = 2) agree best with the
#    digits?
# 2. At k = 4, is block 2 of SimCLR "better" or "worse" than raw colours, or "cannot tell"?
#
# **What this lesson does not show.** Natural objects, which the paper shows (Chen, Luo and Li
# 2021). And whoever compares twelve pairs finds some difference by chance: which ones still hold
# when that is corrected for is on the experiment's page (`experiments/local_features.md`).

# %%
layer = None
sup.lessons.check("02.1", layer)

# %%
compared = None
sup.lessons.check("02.2", compared)
