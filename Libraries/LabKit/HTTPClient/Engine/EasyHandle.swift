internal import CCurl
import LabCore

/// One `CURL` handle, its error text and the lists that it borrows. Made, used and freed on libcurl's thread alone.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    /// What it is at work on; held here so that the callbacks' unretained contexts stay valid.
    var transfer: Transfer?
    private let errorText: UnsafeMutablePointer<CChar>
    private var lists: [UnsafeMutablePointer<curl_slist>] = []

    init?() {
        guard let pointer = curl_easy_init() else { return nil }
        self.pointer = pointer
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(pointer)
        freeLists()
        errorText.deallocate()
    }

    /// Back to the defaults. Connections, TLS sessions and the DNS cache are the multi handle's and stay.
    func reset() {
        curl_easy_reset(pointer)
        freeLists()
        errorText[0] = 0
        _ = lab_curl_set_text(pointer, CURLOPT_ERRORBUFFER, errorText)
    }

    /// libcurl's words on the last failure, on one line.
    var lastError: String {
        String(cString: errorText).split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    // MARK: Options

    func set(_ option: CURLoption, _ value: Int) throws(OptionRefused) {
        try check(lab_curl_set_long(pointer, option, value), option)
    }

    func set(_ option: CURLoption, _ value: String?) throws(OptionRefused) {
        try check(lab_curl_set_text(pointer, option, value), option)
    }

    func setOffset(_ option: CURLoption, _ value: Int) throws(OptionRefused) {
        try check(lab_curl_set_offset(pointer, option, curl_off_t(value)), option)
    }

    func setContext(_ option: CURLoption, _ context: UnsafeMutableRawPointer) throws(OptionRefused) {
        try check(lab_curl_set_pointer(pointer, option, context), option)
    }

    /// A list that libcurl borrows until the next reset.
    func set(_ option: CURLoption, _ lines: [String]) throws(OptionRefused) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                curl_slist_free_all(list)
                throw OptionRefused(option: option, code: CURLE_OUT_OF_MEMORY)
            }
            list = longer
        }
        guard let list else { return }
        lists.append(list)
        try check(lab_curl_set_list(pointer, option, list), option)
    }

    /// PEM text, copied by libcurl.
    func setBlob(_ option: CURLoption, _ text: String) throws(OptionRefused) {
        var text = text
        let code = text.withUTF8 { bytes in
            var blob = curl_blob(
                data: UnsafeMutableRawPointer(mutating: bytes.baseAddress), len: bytes.count,
                flags: UInt32(CURL_BLOB_COPY))
            return lab_curl_set_blob(pointer, option, &blob)
        }
        try check(code, option)
    }

    func setBytes(_ option: CURLoption, _ bytes: [UInt8]) throws(OptionRefused) {
        let code = bytes.withUnsafeBytes { buffer in
            lab_curl_set_pointer(pointer, option, UnsafeMutableRawPointer(mutating: buffer.baseAddress))
        }
        try check(code, option)
    }

    private func check(_ code: CURLcode, _ option: CURLoption) throws(OptionRefused) {
        guard code == CURLE_OK else { throw OptionRefused(option: option, code: code) }
    }

    private func freeLists() {
        for list in lists { curl_slist_free_all(list) }
        lists.removeAll(keepingCapacity: true)
    }

    // MARK: Facts

    func long(_ info: CURLINFO) -> Int {
        var value = 0
        return lab_curl_get_long(pointer, info, &value) == CURLE_OK ? value : 0
    }

    func text(_ info: CURLINFO) -> String? {
        var value: UnsafeMutablePointer<CChar>?
        guard lab_curl_get_text(pointer, info, &value) == CURLE_OK, let value else { return nil }
        return String(cString: value)
    }

    /// A time that libcurl measured, in microseconds on its side.
    func time(_ info: CURLINFO) -> Duration {
        var value: curl_off_t = 0
        return lab_curl_get_offset(pointer, info, &value) == CURLE_OK ? .microseconds(Int64(value)) : .zero
    }

    /// The `name:value` lines of each certificate in the chain.
    var certificateLines: [[String]] {
        var info: UnsafeMutablePointer<curl_certinfo>?
        guard lab_curl_get_certificates(pointer, &info) == CURLE_OK, let info, info.pointee.num_of_certs > 0,
            let chain = info.pointee.certinfo
        else { return [] }
        return (0..<Int(info.pointee.num_of_certs)).map { index in
            var lines: [String] = []
            var node = chain[index]
            while let current = node {
                if let data = current.pointee.data { lines.append(String(cString: data)) }
                node = current.pointee.next
            }
            return lines
        }
    }
}

/// libcurl did not take an option.
struct OptionRefused: Error {
    let option: CURLoption
    let code: CURLcode
}
