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
# Each picture is a photograph with digits on it. The vectors of a middle layer, one for each
# place, are grouped by k-means, and each group has a colour: no label is used. Rows: raw colours,
# untrained, SimCLR, supervised. In training SimCLR compared one vector for each whole picture.
#
# **Predict.** Whose two groups agree best with where the digits are? In which layer: block 2, 3
# or 4? The score is the mutual information between groups and true places: 0 for none, 100 % for
# all.

# %%
record = sup.record("local_features")
arms = ["simclr, tau 0.2", "supervised", "untrained"]
of = {"scenes": "within image", "probe": "k-means", "measure": "nmi", "arms": arms, "top": 35}
sup.lessons.panel(record, "mask", layer="block2", title="Block 2", **of)

# %%
sup.lessons.panel(record, "mask", layer="block4", title="Block 4, the last one", **of)

# %% [markdown]
# **Explain.** Compare the trained networks with the untrained one, at few clusters and at many,
# in both blocks: where do intervals part? White digits on photographs are easy: what would the
# *pixels* say?

# %%
sup.lessons.panel(record, "mask", layer="rgb", title="Patches of raw colours", **of)

# %% [markdown]
# **Explain.** Compare the heights. The floor of a claim about features is what needs no features.
#
# ## Exercises
# 1. In which of "block2", "block3", "block4" do SimCLR's two clusters (k = 2) agree best with the
#    digits?
# 2. At k = 4, is block 2 of SimCLR "better" or "worse" than raw colours, or "cannot tell"?
#
# **What this lesson does not show.** Natural objects, of which the published pictures are; and
# which differences hold once one corrects for having looked at twelve (the experiment's page says
# that).

# %%
layer = None
sup.lessons.check("02.1", layer)

# %%
compared = None
sup.lessons.check("02.2", compared)
