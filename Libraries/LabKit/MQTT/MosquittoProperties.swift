import CMosquitto
import Glibc

/// A list of MQTT 5 properties on its way to the library, freed with this value.
struct OutgoingProperties: ~Copyable {
    private(set) var list: OpaquePointer?

    deinit {
        var list = list
        mosquitto_property_free_all(&list)
    }

    mutating func add(_ identifier: Int32, uint32 value: UInt32) throws(PropertyFault) {
        try check(mosquitto_property_add_int32(&list, identifier, value))
    }

    mutating func add(_ identifier: Int32, string value: String) throws(PropertyFault) {
        guard !value.utf8.contains(0) else { throw PropertyFault(code: Int32(MOSQ_ERR_MALFORMED_UTF8.rawValue)) }
        try check(mosquitto_property_add_string(&list, identifier, value))
    }

    mutating func add(_ identifier: Int32, binary value: [UInt8]) throws(PropertyFault) {
        guard let count = UInt16(exactly: value.count) else {
            throw PropertyFault(code: Int32(MOSQ_ERR_OVERSIZE_PACKET.rawValue))
        }
        try check(mosquitto_property_add_binary(&list, identifier, value, count))
    }

    mutating func add(_ property: MQTTUserProperty) throws(PropertyFault) {
        guard !property.name.utf8.contains(0), !property.value.utf8.contains(0) else {
            throw PropertyFault(code: Int32(MOSQ_ERR_MALFORMED_UTF8.rawValue))
        }
        try check(
            mosquitto_property_add_string_pair(
                &list, Int32(MQTT_PROP_USER_PROPERTY.rawValue), property.name, property.value))
    }

    /// What travels with a message.
    mutating func add(_ message: MQTTMessage) throws(PropertyFault) {
        if let contentType = message.contentType {
            try add(Int32(MQTT_PROP_CONTENT_TYPE.rawValue), string: contentType)
        }
        if let responseTopic = message.responseTopic {
            try add(Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), string: responseTopic.text)
        }
        if let correlationData = message.correlationData {
            try add(Int32(MQTT_PROP_CORRELATION_DATA.rawValue), binary: correlationData)
        }
        if let expiry = message.expiry {
            try add(
                Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), uint32: UInt32(clamping: expiry.components.seconds))
        }
        for property in message.userProperties {
            try add(property)
        }
    }

    /// Gives the list to the library, which frees it.
    consuming func release() -> OpaquePointer? {
        let released = list
        list = nil
        return released
    }

    private func check(_ code: Int32) throws(PropertyFault) {
        if code != 0 { throw PropertyFault(code: code) }
    }
}

/// A property that the library does not take.
struct PropertyFault: Error {
    let code: Int32
}

extension MQTTMessage {
    /// A message that the library has received; everything is copied.
    init(_ message: mosquitto_message, properties: OpaquePointer?) {
        self.init(
            topic: MQTTTopic(received: message.topic.map { String(cString: $0) } ?? ""),
            payload: Array(UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))),
            qualityOfService: MQTTQualityOfService(rawValue: Int(message.qos)) ?? .atMostOnce,
            isRetained: message.retain)
        var next = properties
        while let property = next {
            read(property)
            next = mosquitto_property_next(property)
        }
    }

    /// Reads the first property of a list. What the library allocates for us is freed here.
    private mutating func read(_ property: OpaquePointer) {
        let identifier = mosquitto_property_identifier(property)
        switch UInt32(identifier) {
        case MQTT_PROP_CONTENT_TYPE.rawValue:
            contentType = Self.string(property, identifier)
        case MQTT_PROP_RESPONSE_TOPIC.rawValue:
            responseTopic = Self.string(property, identifier).map { MQTTTopic(received: $0) }
        case MQTT_PROP_CORRELATION_DATA.rawValue:
            var bytes: UnsafeMutableRawPointer?
            var count: UInt16 = 0
            guard mosquitto_property_read_binary(property, identifier, &bytes, &count, false) != nil else { return }
            correlationData = Array(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : Int(count)))
            free(bytes)
        case MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue:
            var seconds: UInt32 = 0
            guard mosquitto_property_read_int32(property, identifier, &seconds, false) != nil else { return }
            expiry = .seconds(Int(seconds))
        case MQTT_PROP_USER_PROPERTY.rawValue:
            var name: UnsafeMutablePointer<CChar>?
            var value: UnsafeMutablePointer<CChar>?
            guard mosquitto_property_read_string_pair(property, identifier, &name, &value, false) != nil else { return }
            if let name, let value {
                userProperties.append(MQTTUserProperty(String(cString: name), String(cString: value)))
            }
            free(name)
            free(value)
        default:
            break
        }
    }

    private static func string(_ property: OpaquePointer, _ identifier: Int32) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard mosquitto_property_read_string(property, identifier, &text, false) != nil, let text else { return nil }
        defer { free(text) }
        return String(cString: text)
    }
}
