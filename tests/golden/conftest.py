def pytest_addoption(parser):
    parser.addoption("--golden-update", action="store_true", help="write the golden files anew; review them")
