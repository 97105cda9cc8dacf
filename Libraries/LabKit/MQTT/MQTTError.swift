/// A reason code of the broker (MQTT 5, 2.4); 0x80 and above are failures.
public struct MQTTReasonCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let success = MQTTReasonCode(rawValue: 0x00)
    public static let unspecifiedError = MQTTReasonCode(rawValue: 0x80)
    public static let unsupportedProtocolVersion = MQTTReasonCode(rawValue: 0x84)
    public static let clientIdentifierNotValid = MQTTReasonCode(rawValue: 0x85)
    public static let badUserNameOrPassword = MQTTReasonCode(rawValue: 0x86)
    public static let notAuthorized = MQTTReasonCode(rawValue: 0x87)
    public static let banned = MQTTReasonCode(rawValue: 0x8A)
    public static let badAuthenticationMethod = MQTTReasonCode(rawValue: 0x8C)
    public static let sessionTakenOver = MQTTReasonCode(rawValue: 0x8E)
    /// Of a PUBREL or PUBCOMP: the broker has forgotten the session, and with it that the message was half done.
    public static let packetIdentifierNotFound = MQTTReasonCode(rawValue: 0x92)

    public var isFailure: Bool { rawValue >= 0x80 }

    public var description: String {
        "\(MosquittoLibrary.text(ofReason: rawValue)) (0x\(String(rawValue, radix: 16, uppercase: true)))"
    }
}

/// What went wrong between this program and the broker.
public enum MQTTError: Error, Sendable, Equatable {
    /// A part of the configuration cannot work.
    case invalidConfiguration(String)
    /// The broker answered and does not want this client.
    case refused(broker: String, MQTTReasonCode)
    /// The broker could not be reached.
    case unreachable(broker: String, detail: String)
    /// The connection broke; a QoS 0 message that was on its way may be lost.
    case connectionLost(broker: String, detail: String)
    /// There was no connection during the time that the call was ready to wait.
    case notConnected(broker: String, waited: Duration, lastFailure: String?)
    /// The message cannot be sent as it is.
    case invalidMessage(topic: String, detail: String)
    /// The broker did not take the message.
    case publishRefused(topic: String, MQTTReasonCode)
    /// The broker did not grant the subscription.
    case subscribeRefused(filter: String, MQTTReasonCode)
    /// `run()` has ended, and the client with it.
    case stopped
    /// `run()` was called a second time.
    case alreadyRun
}

extension MQTTError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidConfiguration(let detail):
            "The MQTT configuration is not valid: \(detail)"
        case .refused(let broker, let reason):
            "The MQTT broker \(broker) refused the connection: \(reason). Check the user, the password and the broker's settings"
        case .unreachable(let broker, let detail):
            "The MQTT broker \(broker) could not be reached: \(detail). Check that it runs, and its host and port"
        case .connectionLost(let broker, let detail):
            "The connection to the MQTT broker \(broker) broke: \(detail)"
        case .notConnected(let broker, let waited, let lastFailure):
            "There was no connection to the MQTT broker \(broker) for \(waited)"
                + (lastFailure.map { ": \($0)" } ?? ". Check that the client's run() has been called")
        case .invalidMessage(let topic, let detail):
            "The message to “\(topic)” cannot be sent: \(detail)"
        case .publishRefused(let topic, let reason):
            "The MQTT broker did not take the message to “\(topic)”: \(reason). Check its access list"
        case .subscribeRefused(let filter, let reason):
            "The MQTT broker did not grant a subscription to “\(filter)”: \(reason). Check its access list"
        case .stopped:
            "The MQTT client has been stopped"
        case .alreadyRun:
            "The MQTT client has been run before. Make a new one"
        }
    }
}
