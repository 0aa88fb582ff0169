# docker build -t imaginebot .
# docker run --env-file .env --volume imaginebot:/data --stop-timeout 25 imaginebot
#
# --stop-timeout 25: docker kills after 10 s, but running pictures get 15 s to finish
# and the whole stop takes up to 20 s.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/imaginebot ./cmd/imaginebot \
    && mkdir /out/folders && mkdir -m 0700 /out/folders/data && mkdir -m 1777 /out/folders/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# /data: a new volume takes its owner from here. /tmp: SQLite puts large sorts there.
COPY --from=build --chown=65532:65532 /out/folders/ /
COPY --from=build /out/imaginebot /imaginebot

# From here the default paths, data/imaginebot.db and data/pictures, are in the volume.
WORKDIR /
VOLUME /data
USER 65532:65532

# All addresses of the container, so that a published port reaches it.
ENV HTTP_ADDR=:8302
EXPOSE 8302

STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["/imaginebot", "health"]
ENTRYPOINT ["/imaginebot"]
