"""What scores and runs say: overlap, chance, ceiling, stability, intervals. No torch.

| module | gives |
|---|---|
| `overlap` | count, Jaccard, overlap coefficient, Kuncheva; overlap at every K |
| `chance` | the overlap of two random selections: mean, sd, quantiles |
| `resample` | class-stratified halves and resamples; scores of a subset of the images |
| `ceiling` | the noise ceiling on equal halves, the ratio to it, overlap against n |
| `permutation` | is it the task or the images, and is it the class or the images |
| `stability` | Nogueira's index with its interval |
| `agreement` | rank correlation of criteria, clustering of tasks |
| `first_step`, `report_card` | what chosen channels gain in a first step; criteria and selectors beside each other |
| `energy` | offset, class, image and token energy of a channel; participation ratio |
| `made_of`, `chosen_sums`, `made_of_words` | what of a choice stays without classes, by plain l2, other tasks, class tokens |
| `summary` | mean with 95 % t interval over seeds, paired differences, Holm, bootstrap over tasks |
| `transfer` | a task on the channels of another minus on its own, paired over seeds |
| `benchmark` | this store's runs beside the published table of VTAB-1K |
| `channel_table`, `channel_search` | every channel of a score file: sorted, searched, held against another |
| `selectivity` | how much a channel is one class's |
| `pairs`, `tables` | the tables of `ict overlap`, `ict stability`, `ict energy` |
| `overlap_row`, `growth` | a row of an overlap table; the overlap of two tasks against the number of images |
| `score_pairs` | the overlap of score files as they lie in a store |
| `families`, `ranks` | which score files compare; where a channel stands in its block |
| `sources` | score files with per-image sums |
| `cache` | results kept in the store, by what they were computed from |
"""
