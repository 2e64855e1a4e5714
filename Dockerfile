# docker build -t kanpde . && docker run --rm -v "$PWD:/data" kanpde solve my_plate.yaml --out runs/plate
FROM python:3.11-slim

# What gmsh draws with; it is loaded even where nothing is drawn.
RUN apt-get update && apt-get install --yes --no-install-recommends \
        libglu1-mesa libxcursor1 libxft2 libxinerama1 libxrender1 \
    && rm -rf /var/lib/apt/lists/*

COPY . /source
WORKDIR /source
RUN python -m pip install --no-cache-dir -c constraints.txt hatchling editables \
    && python -m pip install --no-cache-dir --no-build-isolation -c constraints.txt '.[mesh,fem]' \
    && rm -rf /source

RUN useradd --create-home solver
USER solver
WORKDIR /data
ENTRYPOINT ["kanpde"]
CMD ["--help"]
