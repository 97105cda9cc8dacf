/// What a value of Traefik's dynamic configuration may look like.
///
/// Sources: the option reference of Traefik 3 (doc.traefik.io/traefik/v3.6/reference/routing-configuration) and the
/// JSON Schema of the file provider (json.schemastore.org/traefik-v3-file-provider.json), narrowed to what Traefik's
/// decoder enforces: an unknown field below the top level refuses the whole document, and so does an empty map.
indirect enum TraefikShape: Sendable {
    case text
    case boolean
    case integer
    /// `"5s"`, or a number of seconds.
    case duration
    case list(TraefikShape)
    /// Names of the document's own, each with a value of one shape.
    case named(TraefikShape)
    case object([String: TraefikShape], required: Set<String> = [], mayBeEmpty: Bool = false)
    /// An object with exactly one of these members, beside the others.
    case oneOf([String: TraefikShape], beside: [String: TraefikShape] = [:])
    /// What only a plugin knows.
    case anything

    private static let texts: TraefikShape = .list(.text)
    private static let ipStrategy: TraefikShape = .object(
        ["depth": .integer, "excludedIPs": texts, "ipv6Subnet": .integer], mayBeEmpty: true)
    private static let sourceCriterion: TraefikShape = .object([
        "ipStrategy": ipStrategy, "requestHeaderName": .text, "requestHost": .boolean,
    ])
    private static let sticky: TraefikShape = .object(
        [
            "cookie": .object(
                [
                    "name": .text, "secure": .boolean, "httpOnly": .boolean, "sameSite": .text, "maxAge": .integer,
                    "path": .text, "domain": .text,
                ], mayBeEmpty: true)
        ], mayBeEmpty: true)
    private static let presence: TraefikShape = .object([:], mayBeEmpty: true)

    static let document: [String: TraefikShape] = ["http": http, "tcp": tcp, "udp": udp, "tls": tls]

    private static let http: TraefikShape = .object([
        "routers": .named(router), "services": .named(service), "middlewares": .named(middleware),
        "serversTransports": .named(serversTransport),
    ])

    private static let router: TraefikShape = .object(
        [
            "rule": .text, "service": .text, "entryPoints": texts, "middlewares": texts, "priority": .integer,
            "ruleSyntax": .text, "parentRefs": texts,
            "observability": .object([
                "accessLogs": .boolean, "metrics": .boolean, "tracing": .boolean, "traceVerbosity": .text,
            ]),
            "tls": .object(
                [
                    "options": .text, "certResolver": .text,
                    "domains": .list(.object(["main": .text, "sans": texts])),
                ], mayBeEmpty: true),
        ], required: ["rule", "service"])

    private static let service: TraefikShape = .oneOf(
        [
            "loadBalancer": .object([
                "servers": .list(
                    .object(
                        ["url": .text, "weight": .integer, "preservePath": .boolean, "fenced": .boolean],
                        required: ["url"])),
                "strategy": .text, "passHostHeader": .boolean, "sticky": sticky, "serversTransport": .text,
                "responseForwarding": .object(["flushInterval": .duration]),
                "healthCheck": .object([
                    "path": .text, "interval": .duration, "unhealthyInterval": .duration, "timeout": .duration,
                    "method": .text, "status": .integer, "port": .integer, "scheme": .text, "mode": .text,
                    "hostname": .text, "headers": .named(.text), "followRedirects": .boolean,
                ]),
                "passiveHealthCheck": .object(["failureWindow": .duration, "maxFailedAttempts": .integer]),
            ]),
            "weighted": .object([
                "services": .list(.object(["name": .text, "weight": .integer], required: ["name"])),
                "sticky": sticky, "healthCheck": presence,
            ]),
            "mirroring": .object(
                [
                    "service": .text, "mirrors": .list(.object(["name": .text, "percent": .integer])),
                    "mirrorBody": .boolean, "maxBodySize": .integer, "healthCheck": presence,
                ], required: ["service"]),
            "failover": .object(
                [
                    "service": .text, "fallback": .text, "healthCheck": presence,
                    "errors": .object(["status": texts, "maxRequestBodyBytes": .integer]),
                ], required: ["service", "fallback"]),
            "highestRandomWeight": .object([
                "services": .list(.object(["name": .text, "weight": .integer], required: ["name"])),
                "healthCheck": presence,
            ]),
        ], beside: ["middlewares": texts])

    private static let middleware: TraefikShape = .oneOf([
        "addPrefix": .object(["prefix": .text], required: ["prefix"]),
        "stripPrefix": .object(["prefixes": texts, "forceSlash": .boolean]),
        "stripPrefixRegex": .object(["regex": texts]),
        "replacePath": .object(["path": .text]),
        "replacePathRegex": .object(["regex": .text, "replacement": .text]),
        "redirectScheme": .object(["scheme": .text, "port": .text, "permanent": .boolean], required: ["scheme"]),
        "redirectRegex": .object(["regex": .text, "replacement": .text, "permanent": .boolean]),
        "chain": .object(["middlewares": texts], required: ["middlewares"]),
        "compress": .object(
            [
                "excludedContentTypes": texts, "includedContentTypes": texts, "minResponseBodyBytes": .integer,
                "encodings": texts, "defaultEncoding": .text,
            ], mayBeEmpty: true),
        "contentType": .object(["autoDetect": .boolean], mayBeEmpty: true),
        "buffering": .object([
            "maxRequestBodyBytes": .integer, "memRequestBodyBytes": .integer, "maxResponseBodyBytes": .integer,
            "memResponseBodyBytes": .integer, "retryExpression": .text,
        ]),
        "retry": .object(
            [
                "attempts": .integer, "initialInterval": .duration, "timeout": .duration, "status": texts,
                "maxRequestBodyBytes": .integer, "disableRetryOnNetworkError": .boolean,
                "retryNonIdempotentMethod": .boolean,
            ], required: ["attempts"]),
        "circuitBreaker": .object([
            "expression": .text, "checkPeriod": .duration, "fallbackDuration": .duration,
            "recoveryDuration": .duration, "responseCode": .integer,
        ]),
        "rateLimit": .object([
            "average": .integer, "period": .duration, "burst": .integer, "sourceCriterion": sourceCriterion,
            "redis": .anything,
        ]),
        "inFlightReq": .object(["amount": .integer, "sourceCriterion": sourceCriterion]),
        "ipAllowList": .object(["sourceRange": texts, "ipStrategy": ipStrategy, "rejectStatusCode": .integer]),
        "basicAuth": .object([
            "users": texts, "usersFile": .text, "realm": .text, "removeHeader": .boolean, "headerField": .text,
        ]),
        "digestAuth": .object([
            "users": texts, "usersFile": .text, "realm": .text, "removeHeader": .boolean, "headerField": .text,
        ]),
        "forwardAuth": .object(
            [
                "address": .text, "trustForwardHeader": .boolean, "authResponseHeaders": texts,
                "authResponseHeadersRegex": .text, "authRequestHeaders": texts, "addAuthCookiesToResponse": texts,
                "headerField": .text, "forwardBody": .boolean, "maxBodySize": .integer,
                "maxResponseBodySize": .integer, "preserveLocationHeader": .boolean,
                "preserveRequestMethod": .boolean,
                "tls": .object(["ca": .text, "cert": .text, "key": .text, "insecureSkipVerify": .boolean]),
            ], required: ["address"]),
        "headers": .object([
            "stsSeconds": .integer, "stsIncludeSubdomains": .boolean, "stsPreload": .boolean,
            "forceSTSHeader": .boolean, "frameDeny": .boolean, "customFrameOptionsValue": .text,
            "contentTypeNosniff": .boolean, "browserXssFilter": .boolean, "customBrowserXSSValue": .text,
            "referrerPolicy": .text, "permissionsPolicy": .text, "contentSecurityPolicy": .text,
            "contentSecurityPolicyReportOnly": .text, "publicKey": .text, "isDevelopment": .boolean,
            "customRequestHeaders": .named(.text), "customResponseHeaders": .named(.text),
            "accessControlAllowCredentials": .boolean, "accessControlAllowHeaders": texts,
            "accessControlAllowMethods": texts, "accessControlAllowOriginList": texts,
            "accessControlAllowOriginListRegex": texts, "accessControlExposeHeaders": texts,
            "accessControlMaxAge": .integer, "addVaryHeader": .boolean, "allowedHosts": texts,
            "hostsProxyHeaders": texts, "sslProxyHeaders": .named(.text),
        ]),
        "errors": .object(["status": texts, "service": .text, "query": .text, "statusRewrites": .named(.integer)]),
        "grpcWeb": .object(["allowOrigins": texts]),
        "passTLSClientCert": .anything,
        "plugin": .named(.anything),
    ])

    private static let serversTransport: TraefikShape = .object([
        "serverName": .text, "insecureSkipVerify": .boolean, "rootCAs": texts,
        "certificates": .list(.object(["certFile": .text, "keyFile": .text])), "cipherSuites": texts,
        "minVersion": .text, "maxVersion": .text, "maxIdleConnsPerHost": .integer, "disableHTTP2": .boolean,
        "peerCertURI": .text, "spiffe": .anything,
        "forwardingTimeouts": .object([
            "dialTimeout": .duration, "responseHeaderTimeout": .duration, "idleConnTimeout": .duration,
            "readIdleTimeout": .duration, "pingTimeout": .duration,
        ]),
    ])

    private static let tls: TraefikShape = .object([
        "certificates": .list(
            .object(["certFile": .text, "keyFile": .text, "stores": texts], required: ["certFile", "keyFile"])),
        "options": .named(
            .object([
                "minVersion": .text, "maxVersion": .text, "cipherSuites": texts, "curvePreferences": texts,
                "sniStrict": .boolean, "alpnProtocols": texts, "disableSessionTickets": .boolean,
                "clientAuth": .object(["caFiles": texts, "clientAuthType": .text]),
            ])),
        "stores": .named(
            .object([
                "defaultCertificate": .object(["certFile": .text, "keyFile": .text]),
                "defaultGeneratedCert": .object([
                    "resolver": .text, "domain": .object(["main": .text, "sans": texts]),
                ]),
            ])),
    ])

    private static let addresses: TraefikShape = .list(.object(["address": .text], required: ["address"]))

    private static let tcp: TraefikShape = .object([
        "routers": .named(
            .object(
                [
                    "rule": .text, "service": .text, "entryPoints": texts, "middlewares": texts,
                    "priority": .integer,
                    "tls": .object(
                        [
                            "passthrough": .boolean, "options": .text, "certResolver": .text,
                            "domains": .list(.object(["main": .text, "sans": texts])),
                        ], mayBeEmpty: true),
                ], required: ["rule", "service"])),
        "services": .named(
            .oneOf([
                "loadBalancer": .object([
                    "servers": addresses, "serversTransport": .text,
                    "proxyProtocol": .object(["version": .integer], mayBeEmpty: true), "healthCheck": .anything,
                ]),
                "weighted": .object(["services": .list(.object(["name": .text, "weight": .integer]))]),
            ])),
        "middlewares": .named(
            .oneOf([
                "inFlightConn": .object(["amount": .integer]), "ipAllowList": .object(["sourceRange": texts]),
            ])),
        "serversTransports": .named(.anything),
    ])

    private static let udp: TraefikShape = .object([
        "routers": .named(.object(["service": .text, "entryPoints": texts], required: ["service"])),
        "services": .named(
            .oneOf([
                "loadBalancer": .object(["servers": addresses]),
                "weighted": .object(["services": .list(.object(["name": .text, "weight": .integer]))]),
            ])),
    ])
}
