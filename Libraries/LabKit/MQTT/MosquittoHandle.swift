import CMosquitto
import Glibc
import LabCore

/// One `struct mosquitto`: made, driven and freed on the network thread, which is the only one to touch it.
///
/// The library calls back from within our calls; what it says is kept in order and fetched with ``takeEvents()``, so
/// that no callback reaches into state that is being changed.
final class MosquittoHandle {
    enum Event {
        case accepted(sessionPresent: Bool, receiveMaximum: Int)
        case refused(MQTTReasonCode)
        case disconnected(detail: String)
        case acknowledged(packetID: Int32, MQTTReasonCode)
        case granted(packetID: Int32, [MQTTReasonCode])
        case received(MQTTMessage)
    }

    enum PublishResult {
        case taken(packetID: Int32)
        case connectionLost
        case refused(detail: String)
    }

    private let library: OpaquePointer
    private let configuration: MQTTConfiguration
    private let trustFile: MemoryFile?
    private var events: [Event] = []
    /// The last complaint that the library logged; only there does it say what is wrong with a certificate.
    private var lastComplaint: String?

    init(_ configuration: MQTTConfiguration, clientID: String, will: MQTTMessage?, receiveMaximum: Int)
        throws(MQTTError)
    {
        try MosquittoLibrary.start()
        let startsClean = configuration.sessionExpiry == .zero
        guard let library = mosquitto_new(clientID, startsClean, nil) else {
            throw .invalidConfiguration("“\(clientID)” cannot be a client identifier")
        }
        self.library = library
        self.configuration = configuration
        if case .pem(let text)? = configuration.tls?.trust {
            trustFile = try MemoryFile(name: "mqtt-ca", text: text)
        } else {
            trustFile = nil
        }
        // Unretained: the callbacks run only within calls on this object, and deinit frees the library's side.
        mosquitto_user_data_set(library, Unmanaged.passUnretained(self).toOpaque())
        // Packets are queued, and written by write() alone. Without this each is written as it is made, and where that
        // fails for a PUBCOMP, 2.0.11 forgets the QoS 2 message that it was about to deliver.
        mosquitto_threaded_set(library, true)
        setCallbacks()
        try setOptions(receiveMaximum: receiveMaximum)
        if let will { try setWill(will) }
        if let tls = configuration.tls { try setTLS(tls) }
    }

    deinit {
        mosquitto_destroy(library)
    }

    /// The socket, or nil while there is none.
    var socket: Int32? {
        let socket = mosquitto_socket(library)
        return socket >= 0 ? socket : nil
    }

    var wantsToWrite: Bool { mosquitto_want_write(library) }

    func takeEvents() -> [Event] {
        guard !events.isEmpty else { return [] }
        let taken = events
        events.removeAll(keepingCapacity: true)
        return taken
    }

    var eventCount: Int { events.count }

    // MARK: The connection

    /// Begins to connect. Resolving the name blocks; the rest goes on as the socket becomes ready.
    func connect() -> MQTTError? {
        lastComplaint = nil
        errno = 0
        var code: Int32
        do throws(PropertyFault) {
            try prepareProperties()
            code = mosquitto_connect_bind_async(
                library, configuration.host, Int32(configuration.port),
                Int32(configuration.keepAlive.components.seconds), nil)
        } catch {
            code = error.code
        }
        guard code > 0 else { return nil }
        return .unreachable(broker: configuration.broker, detail: detail(of: code))
    }

    /// Only the blocking connect takes properties. It keeps them for later attempts before it looks at the port, and a
    /// port that cannot be makes it stop there.
    private func prepareProperties() throws(PropertyFault) {
        var properties = OutgoingProperties()
        let seconds = configuration.sessionExpiry.components.seconds
        if seconds > 0 {
            try properties.add(Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), uint32: UInt32(clamping: seconds))
        }
        let impossiblePort: Int32 = -1
        let code = mosquitto_connect_bind_v5(
            library, configuration.host, impossiblePort, Int32(configuration.keepAlive.components.seconds), nil,
            properties.list)
        if code != Int32(MOSQ_ERR_INVAL.rawValue) { throw PropertyFault(code: code) }
    }

    /// Says goodbye. The broker forgets the session when told to, and never publishes the will.
    func disconnect(forgettingSession: Bool) {
        var properties = OutgoingProperties()
        if forgettingSession, configuration.sessionExpiry > .zero {
            try? properties.add(Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), uint32: 0)
        }
        note(mosquitto_disconnect_v5(library, 0, properties.list))
    }

    /// Breaks the connection off, so that the broker publishes the will.
    func abort() {
        guard let socket else { return }
        shutdown(socket, Int32(SHUT_RDWR))
    }

    func read() {
        errno = 0
        note(mosquitto_loop_read(library, 1))
    }

    func write() {
        errno = 0
        note(mosquitto_loop_write(library, 1))
    }

    /// Sends a ping when one is due, and gives the connection up when the last was not answered.
    func keepAlive() {
        note(mosquitto_loop_misc(library))
    }

    /// Shows the broker that we are alive while nothing is read: the library would take a ping's answer that lies
    /// unread for a dead connection. Ending a subscription that never was is the one packet that changes nothing.
    func showLife() {
        note(mosquitto_unsubscribe_v5(library, nil, "$keepalive", nil))
    }

    /// A call may report a broken connection without calling back.
    private func note(_ code: Int32) {
        if code > 0 { events.append(.disconnected(detail: detail(of: code))) }
    }

    private func detail(of code: Int32) -> String {
        let text = MosquittoLibrary.text(ofError: code, errno: errno)
        guard let lastComplaint else { return text }
        self.lastComplaint = nil
        return "\(text) (\(lastComplaint))"
    }

    // MARK: Messages

    func publish(_ message: MQTTMessage) -> PublishResult {
        var packetID: Int32 = 0
        var properties = OutgoingProperties()
        let code: Int32
        errno = 0
        do throws(PropertyFault) {
            try properties.add(message)
            code = message.payload.withUnsafeBytes { bytes in
                mosquitto_publish_v5(
                    library, &packetID, message.topic.text, Int32(clamping: bytes.count), bytes.baseAddress,
                    Int32(message.qualityOfService.rawValue), message.isRetained, properties.list)
            }
        } catch {
            return .refused(detail: MosquittoLibrary.text(ofError: error.code, errno: 0))
        }
        switch mosq_err_t(code) {
        case MOSQ_ERR_SUCCESS:
            return .taken(packetID: packetID)
        case MOSQ_ERR_NO_CONN, MOSQ_ERR_CONN_LOST, MOSQ_ERR_ERRNO, MOSQ_ERR_TLS:
            note(code)
            // The library has put it on its list before it tried to write, and will send it after reconnecting.
            return message.qualityOfService == .atMostOnce ? .connectionLost : .taken(packetID: packetID)
        default:
            return .refused(detail: MosquittoLibrary.text(ofError: code, errno: 0))
        }
    }

    /// Asks for messages; the answer comes as `.granted` with the packet identifier that is returned.
    /// - Parameter onlyNewRetained: no retained messages for filters that the session has already.
    func subscribe(
        to filters: [MQTTTopicFilter], qualityOfService: MQTTQualityOfService, onlyNewRetained: Bool
    ) -> Int32? {
        let texts = filters.map { strdup($0.text) }
        defer { for text in texts { free(text) } }
        var packetID: Int32 = 0
        let option = onlyNewRetained ? MQTT_SUB_OPT_SEND_RETAIN_NEW : MQTT_SUB_OPT_SEND_RETAIN_ALWAYS
        errno = 0
        let code = mosquitto_subscribe_multiple(
            library, &packetID, Int32(texts.count), texts, Int32(qualityOfService.rawValue), Int32(option.rawValue), nil
        )
        note(code)
        return code == 0 ? packetID : nil
    }

    // MARK: Setting up

    private func setOptions(receiveMaximum: Int) throws(MQTTError) {
        try check(mosquitto_int_option(library, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5))
        try check(mosquitto_int_option(library, MOSQ_OPT_TCP_NODELAY, 1))
        try check(mosquitto_int_option(library, MOSQ_OPT_SEND_MAXIMUM, Int32(configuration.maximumInFlight)))
        try check(mosquitto_int_option(library, MOSQ_OPT_RECEIVE_MAXIMUM, Int32(receiveMaximum)))
        if let user = configuration.user {
            try check(mosquitto_username_pw_set(library, user, configuration.password?.reveal()))
        }
    }

    private func setWill(_ will: MQTTMessage) throws(MQTTError) {
        var properties = OutgoingProperties()
        do throws(PropertyFault) {
            try properties.add(will)
        } catch {
            throw .invalidConfiguration("the will: \(MosquittoLibrary.text(ofError: error.code, errno: 0))")
        }
        let code = will.payload.withUnsafeBytes { bytes in
            mosquitto_will_set_v5(
                library, will.topic.text, Int32(clamping: bytes.count), bytes.baseAddress,
                Int32(will.qualityOfService.rawValue), will.isRetained, properties.list)
        }
        try check(code)
        // The library owns the list once it has taken the will.
        _ = properties.release()
    }

    private func setTLS(_ tls: MQTTConfiguration.TLS) throws(MQTTError) {
        var file: String?
        var directory: String?
        switch tls.trust {
        case .system: directory = "/etc/ssl/certs"
        case .file(let path): file = path
        case .pem: file = trustFile?.path
        }
        let code = mosquitto_tls_set(
            library, file, directory, tls.clientCertificate?.certificateFile, tls.clientCertificate?.keyFile, nil)
        guard code == 0 else {
            throw .invalidConfiguration(
                "a certificate or key file cannot be read (\(file ?? directory ?? "")): "
                    + MosquittoLibrary.text(ofError: code, errno: 0))
        }
    }

    private func check(_ code: Int32) throws(MQTTError) {
        if code != 0 { throw .invalidConfiguration(MosquittoLibrary.text(ofError: code, errno: errno)) }
    }

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(library) { _, context, reason, flags, properties in
            guard let handle = MosquittoHandle.of(context) else { return }
            let code = MQTTReasonCode(rawValue: UInt8(truncatingIfNeeded: reason))
            guard code == .success else { return handle.events.append(.refused(code)) }
            var receiveMaximum: UInt16 = .max
            mosquitto_property_read_int16(
                properties, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), &receiveMaximum, false)
            handle.events.append(.accepted(sessionPresent: flags & 1 == 1, receiveMaximum: Int(receiveMaximum)))
        }
        mosquitto_disconnect_v5_callback_set(library) { _, context, code, _ in
            guard let handle = MosquittoHandle.of(context) else { return }
            // Both the library's errors (below 0x80) and the broker's reasons come this way.
            let detail: String =
                if code >= 0x80, let byte = UInt8(exactly: code) {
                    MQTTReasonCode(rawValue: byte).description
                } else {
                    handle.detail(of: code)
                }
            handle.events.append(.disconnected(detail: detail))
        }
        mosquitto_publish_v5_callback_set(library) { _, context, packetID, reason, _ in
            MosquittoHandle.of(context)?.events.append(
                .acknowledged(packetID: packetID, MQTTReasonCode(rawValue: UInt8(truncatingIfNeeded: reason))))
        }
        mosquitto_subscribe_v5_callback_set(library) { _, context, packetID, count, granted, _ in
            let reasons = UnsafeBufferPointer(start: granted, count: Int(count)).map {
                MQTTReasonCode(rawValue: UInt8(truncatingIfNeeded: $0))
            }
            MosquittoHandle.of(context)?.events.append(.granted(packetID: packetID, reasons))
        }
        mosquitto_message_v5_callback_set(library) { _, context, message, properties in
            guard let message else { return }
            MosquittoHandle.of(context)?.events.append(
                .received(MQTTMessage(message.pointee, properties: properties)))
        }
        mosquitto_log_callback_set(library) { _, context, level, text in
            guard level == MOSQ_LOG_ERR, let text else { return }
            MosquittoHandle.of(context)?.lastComplaint = String(cString: text)
        }
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> MosquittoHandle? {
        context.map { Unmanaged<MosquittoHandle>.fromOpaque($0).takeUnretainedValue() }
    }
}
