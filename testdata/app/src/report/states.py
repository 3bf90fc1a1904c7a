from collections import defaultdict


def by_state(orders):
    groups = defaultdict(list)
    for order in orders:
        groups[order.get("state", "unknown")].append(order)
    return groups
