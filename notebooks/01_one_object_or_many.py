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
# SimCLR trains on pictures with 1, 4 or 16 digits. Its frozen features are then asked for the
# class of *one* digit, alone on a picture. With many digits two crops of a picture may not even
# show the same one.
#
# **Predict.** Does SimCLR lose the single digit as there are more on a picture?

# %%
record = sup.record("multidigits")
arms = ["simclr, tau 0.2, placement random", "untrained"]
sup.lessons.panel(record, "digit", scenes="alone", arms=arms, title="Read of a single digit")

# %% [markdown]
# **Explain.** Look at the intervals at both ends before you call it a fall. And if it is one:
# does it tell of contrastive learning, or are these pictures hard for anybody?
#
# **Predict.** A supervised network is told which classes are on each picture. How does it do?

# %%
arms = ["simclr, tau 0.2, placement random", "supervised, placement random", "untrained"]
sup.lessons.panel(record, "digit", scenes="alone", arms=arms, title="The control")

# %% [markdown]
# **Explain.** With sixteen digits nearly every class is on every picture: the labels say little.
# This control says nothing about what could be learned there. Without a control that holds, a low
# number is only a low number.

# %%
print(record.verdict())

# %% [markdown]
# ## Exercises
# 1. How many points does *supervised* training (`placement="random"`) lose from one digit to
#    sixteen?
# 2. Which falls further, "simclr" or "supervised"?
# 3. A friend says that sixteen digits *suppress* one another under SimCLR. What do these results
#    say: "suppression", "no suppression" or "cannot tell"?
#
# **What this lesson does not show.** Accuracies are far below the published ones: digits are
# small here, and training is short.

# %%
points = None
sup.lessons.check("01.1", points)

# %%
falls_further = None
sup.lessons.check("01.2", falls_further)

# %%
says = None
sup.lessons.check("01.3", says)
