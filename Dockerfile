# Builds the one binary through the Makefile. It has never been built where the project is developed,
# for no Docker engine runs there; a test checks that the targets exist.
FROM rust:1.95-bookworm AS build
WORKDIR /miso
COPY . .
RUN make release

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/*
COPY --from=build /miso/target/release/miso /usr/local/bin/miso
RUN useradd --system --create-home miso && mkdir /data && chown miso /data
USER miso
VOLUME /data
EXPOSE 8080 8081 8082 8083 9100
ENTRYPOINT ["miso"]
CMD ["up"]
