class LazyString:
    pass
