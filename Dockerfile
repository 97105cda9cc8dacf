# The platform's images: one program, and with it what a service needs besides. None has a shell, a package manager or a
# root user.
#
#   docker compose build                  all of them
#   docker build --target provisioner .   one
#
# Whoever has built the program already gives it as the stage "build":
#   docker build --build-context build=FOLDER --target provisioner .      FOLDER/out/lab

FROM swift:6.3-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends \
        pkg-config libpq-dev libmosquitto-dev libcurl4-openssl-dev libssl-dev libyaml-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/src/.build \
    swift build --configuration release --product lab --static-swift-stdlib -Xswiftc -gnone \
    && install -D --strip .build/release/lab /out/lab

# Where the files of the images come from: Debian's packages.
FROM debian:trixie-slim AS packages
RUN apt-get update && apt-get install --yes --no-install-recommends \
        libpq5 libmosquitto1 libcurl4t64 libssl3t64 libstdc++6 libyaml-0-2 ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY infra/images/collect /usr/local/bin/collect

FROM packages AS base-files
COPY --from=build /out/lab /usr/local/bin/lab
RUN collect /root-of-image lab \
    && cd /root-of-image \
    && install -D -m 644 /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt \
    && mkdir -p etc/lab tmp run/lab var/lib/lab/unbound var/lib/lab/public var/lib/lab/docs \
    && chmod 1777 tmp \
    && printf 'root:x:0:0:root:/:/sbin/nologin\nlab:x:10001:10001:lab:/var/lib/lab:/sbin/nologin\n' >etc/passwd \
    && printf 'root:x:0:\nlab:x:10001:\n' >etc/group \
    && printf 'hosts: files dns\n' >etc/nsswitch.conf \
    && chown -R 10001:10001 var/lib/lab run/lab

# What all images have: the layer that is stored once.
FROM scratch AS base
LABEL org.opencontainers.image.title="homelab" \
      org.opencontainers.image.description="Declare a service once; the lab puts it online and keeps it there" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=base-files /root-of-image /
ENV HOME=/var/lib/lab PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 10001:10001
ENTRYPOINT ["/usr/local/bin/lab"]
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --start-interval=250ms --retries=3 CMD ["/usr/local/bin/lab", "health"]

FROM packages AS git-files
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
# What fetches over HTTPS is a program of its own, with links for the other schemes.
RUN collect /client git /usr/lib/git-core/git-remote-http \
    && ln -s git-remote-http /client/usr/lib/git-core/git-remote-https

# The setup, and the command line for machines without Swift, which fetches Git repositories.
FROM base AS lab
COPY --from=git-files /client /

FROM packages AS unbound-files
RUN apt-get update && apt-get install --yes --no-install-recommends unbound && rm -rf /var/lib/apt/lists/*
RUN collect /checker unbound-checkconf && collect /server unbound unbound-control \
    && cp -a /usr/share/dns /dns 2>/dev/null || mkdir -p /dns

# The resolver. It is the same Unbound whose checker the DNS manager asks.
FROM base AS unbound
COPY --from=unbound-files /server /
ENTRYPOINT ["/usr/sbin/unbound", "-d", "-p", "-c", "/var/lib/lab/unbound/unbound.conf"]
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --start-interval=250ms --retries=3 \
    CMD ["/usr/sbin/unbound-control", "-c", "/var/lib/lab/unbound/unbound.conf", "status"]

FROM base AS dns-manager
COPY --from=unbound-files /checker /
CMD ["serve", "dns-manager"]

FROM packages AS nginx-files
RUN apt-get update && apt-get install --yes --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
RUN collect /server nginx

# Has nginx as well, for labs without Traefik.
FROM base AS proxy-router
COPY --from=nginx-files /server /
CMD ["serve", "proxy-router"]

# Compose alone: it is a program of its own, and the Docker client is not needed.
FROM packages AS compose-files
RUN apt-get update && cd /tmp && apt-get download docker-compose && rm -rf /var/lib/apt/lists/* \
    && dpkg --extract docker-compose_*.deb extracted \
    && install -D -m 755 extracted/usr/libexec/docker/cli-plugins/docker-compose /files/usr/bin/docker-compose \
    && mkdir -p /files/var/lib/dpkg/status.d \
    && dpkg --field docker-compose_*.deb >/files/var/lib/dpkg/status.d/docker-compose

FROM base AS provisioner
COPY --from=compose-files /files /
# The logins to registries are the owner's, and only read; what Compose's builder writes beside them has its own place.
ENV DOCKER_CONFIG=/logins BUILDX_CONFIG=/var/lib/lab/buildx
CMD ["serve", "provisioner"]
