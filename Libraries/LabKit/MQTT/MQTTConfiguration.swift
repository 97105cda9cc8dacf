public import LabCore

/// How a client reaches its broker and what it asks of it.
public struct MQTTConfiguration: Sendable {
    /// Whom to trust, and who we are, on an encrypted connection.
    public struct TLS: Sendable {
        public enum Trust: Sendable {
            /// The authorities that the system trusts (/etc/ssl/certs).
            case system
            /// A file of PEM certificates.
            case file(String)
            /// PEM certificates.
            case pem(String)
        }

        public var trust: Trust
        /// PEM files of this client's certificate chain and its unencrypted key.
        public var clientCertificate: (certificateFile: String, keyFile: String)?

        public init(trust: Trust = .system, clientCertificate: (certificateFile: String, keyFile: String)? = nil) {
            self.trust = trust
            self.clientCertificate = clientCertificate
        }
    }

    public var host: String
    public var port: Int
    /// Names this client at the broker; two that run at once must differ. 1 to 65,000 bytes. Each subscription has a
    /// connection of its own, whose identifier begins with this one and a slash.
    public var clientID: String
    public var user: String?
    public var password: Secret<String>?
    public var tls: TLS?
    /// After this long without a word the other side is asked whether it is there; whole seconds, 5 s to 18 h.
    public var keepAlive: Duration
    /// How long the broker keeps sessions after a connection broke: subscriptions, messages for them, and what makes
    /// QoS 2 exactly once. Whole seconds; zero: not at all, each connection starts clean.
    ///
    /// A program that starts again within this time gets what its subscriptions missed.
    public var sessionExpiry: Duration
    /// What the broker publishes for this client when its connection ends otherwise than by a clean shutdown.
    public var will: MQTTMessage?
    /// How long connecting may take, until the broker's answer.
    public var connectTimeout: Duration
    /// How long a publish waits for a connection, and a subscription for the broker's consent.
    public var operationTimeout: Duration
    /// Publishes with QoS 1 and 2 that may await their acknowledgement at once, 1 to 65,535; the broker may allow fewer.
    public var maximumInFlight: Int
    /// The waits between attempts to connect.
    public var reconnectBackoff: Backoff

    public init(
        host: String, port: Int = 1883, clientID: String, user: String? = nil, password: Secret<String>? = nil,
        tls: TLS? = nil, keepAlive: Duration = .seconds(30), sessionExpiry: Duration = .seconds(300),
        will: MQTTMessage? = nil, connectTimeout: Duration = .seconds(10), operationTimeout: Duration = .seconds(10),
        maximumInFlight: Int = 256,
        reconnectBackoff: Backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(30))
    ) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.user = user
        self.password = password
        self.tls = tls
        self.keepAlive = keepAlive
        self.sessionExpiry = sessionExpiry
        self.will = will
        self.connectTimeout = connectTimeout
        self.operationTimeout = operationTimeout
        self.maximumInFlight = maximumInFlight
        self.reconnectBackoff = reconnectBackoff
    }

    var broker: String { "\(host):\(port)" }

    func validate() throws(MQTTError) {
        func check(_ isGood: Bool, _ detail: @autoclosure () -> String) throws(MQTTError) {
            if !isGood { throw .invalidConfiguration(detail()) }
        }
        try check(!host.isEmpty && !host.utf8.contains(0), "the host is empty")
        try check((1...65_535).contains(port), "the port \(port) is not between 1 and 65535")
        try check(
            (1...65_000).contains(clientID.utf8.count) && !clientID.utf8.contains(0),
            "the client identifier must have 1 to 65,000 bytes")
        try check(
            keepAlive >= .seconds(5) && keepAlive <= .seconds(65_535), "the keep-alive must be 5 to 65,535 s")
        try check(
            sessionExpiry >= .zero && sessionExpiry.components.seconds < Int64(UInt32.max),
            "the session expiry must be 0 to 4,294,967,294 s")
        try check((1...65_535).contains(maximumInFlight), "maximumInFlight must be 1 to 65,535")
        try check(connectTimeout > .zero && operationTimeout > .zero, "time-outs must be longer than zero")
        try check(user != nil || password == nil, "a password needs a user")
    }
}
