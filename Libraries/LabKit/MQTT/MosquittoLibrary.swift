import CMosquitto
import Glibc

/// The library as a whole: started once, and its texts.
enum MosquittoLibrary {
    /// Evaluated once, by the first that asks; the library is never torn down, as other clients may live.
    private static let isStarted: Bool = mosquitto_lib_init() == 0

    static func start() throws(MQTTError) {
        guard isStarted else { throw .invalidConfiguration("libmosquitto could not be started") }
    }

    static func text(ofReason code: UInt8) -> String {
        trimmed(mosquitto_reason_string(Int32(code)))
    }

    /// The text of a `MOSQ_ERR_…` value; with `MOSQ_ERR_ERRNO`, that of the system's error.
    static func text(ofError code: Int32, errno systemError: Int32) -> String {
        if code == Int32(MOSQ_ERR_ERRNO.rawValue), systemError != 0 {
            return trimmed(strerror(systemError))
        }
        return trimmed(mosquitto_strerror(code))
    }

    private static func trimmed(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "unknown" }
        let whole = String(cString: text)
        return whole.hasSuffix(".") ? String(whole.dropLast()) : whole
    }
}
