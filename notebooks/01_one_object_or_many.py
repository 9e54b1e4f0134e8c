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
# # One object or many
# **One question: can one digit be learned from pictures that show sixteen?**

# %%
import suppression as sup

counts = {"canvas": 40, "sizes": 10, "count": [1, 4, 16]}
sup.lessons.ladder("multidigits", n=2, **counts)

# %% [markdown]
# SimCLR (lesson 00) trains on pictures with 1, 4 or 16 digits. Then the network is frozen, and a
# linear classifier on its features is asked to name *one* digit, alone on a picture: that is what
# "read" means in all lessons. With many digits two crops of a picture may not even show the same
# one.
#
# **Predict.** Does SimCLR read the single digit less well, the more digits it was trained on?
#
# Longer trainings come with the package as *records*. Their lines are labelled by the method and
# its settings: `tau` is the temperature, and at `placement random` digits may lie anywhere.

# %%
record = sup.record("multidigits")
arms = ["simclr, tau 0.2, placement random", "untrained"]
sup.lessons.panel(record, "digit", scenes="alone", arms=arms, title="Read of a single digit")

# %% [markdown]
# **Explain.** The bars are 95 % intervals. Look at those at both ends before you call it a fall.
# And if it is one: does it say something of contrastive learning, or are these pictures hard for
# anybody?
#
# **Predict.** As a control, a supervised network is told which digits are on each picture. How
# does it do?

# %%
arms = ["simclr, tau 0.2, placement random", "supervised, placement random", "untrained"]
sup.lessons.panel(record, "digit", scenes="alone", arms=arms, title="The control")

# %% [markdown]
# **Explain.** With sixteen digits nearly every one of the ten is on every picture, so that labels
# say little. This control does not show what could be learned there. Without a control that does
# well, a low number is only a low number.

# %%
print(record.verdict())

# %% [markdown]
# ## Exercises
# 1. How many points does *supervised* training (`placement="random"`) lose from one digit to
#    sixteen?
# 2. Which falls further, "simclr" or "supervised"?
# 3. A friend says that with sixteen digits SimCLR learns some and therefore not the others: they
#    *suppress* one another. What do these results say: "suppression", "no suppression" or "cannot
#    tell"?
#
# **What this lesson does not show.** Accuracies are far below those of the paper that this follows
# (Chen, Luo and Li 2021): digits are small here, and training is short.

# %%
points = None
sup.lessons.check("01.1", points)

# %%
falls_further = None
sup.lessons.check("01.2", falls_further)

# %%
says = None
sup.lessons.check("01.3", says)
