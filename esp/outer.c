/*
 * From an inner packet to what its outer one needs: RFC 4301 sections 5.1.2 and 8, RFC 4303
 * sections 2.7 and 3.1.
 */
#include "esp/outer.h"

enum {
	NEXT_IPV4 = 4,
	NEXT_IPV6 = 41,
	MTU_ASSUMED =
	    1500, /* of a path that is not known: padding for its own sake goes no further */
};

static uint32_t carries(const struct esp_sa_out *sa, uint32_t skip)
{
	uint32_t fits = atomic_load(&sa->path)->fits;

	return fits == ESP_FITS_ALL ? fits : fits + skip;
}

uint32_t esp_outer_most(const struct esp_sa_out *sa, uint32_t skip, bool v6)
{
	return esp_mtu_floor(carries(sa, skip), v6);
}

enum esp_verdict esp_outer_of(
    const struct esp_sa_out *sa, uint8_t *ip, const struct esp_flow *f, struct esp_outer *o)
{
	bool v6 = f->family == ADDR_V6;
	uint8_t tos = esp_header_tos(ip);

	*o = (struct esp_outer){
	    .next = v6 ? NEXT_IPV6 : NEXT_IPV4,
	    .df = esp_header_df(ip),
	    .copy_df = sa->headers.df,
	};
	if (sa->headers.mode == ESP_TRANSPORT) {
		/* There is but one header: the outer one says what this one said. */
		o->tos = tos;
		if (!esp_transport_front(ip, f, &o->skip, &o->next)) {
			return ESP_V_TRANSPORT;
		}
	} else {
		o->tos = esp_header_tos_out(&sa->headers, tos);
	}
	o->carries = carries(sa, o->skip);
	o->most = esp_mtu_floor(o->carries, v6);
	if (o->carries != ESP_FITS_ALL && esp_mtu_is_syn(ip, f)) {
		esp_mtu_clamp(ip, f, o->most);
	}
	return ESP_V_OK;
}

uint32_t esp_outer_padded(const struct esp_sa_out *sa, uint32_t total)
{
	const struct esp_path_box *box = atomic_load(&sa->path);
	uint32_t most = box->fits;

	if (most == ESP_FITS_ALL) {
		most = esp_mtu_fits(&sa->shape, &box->path, MTU_ASSUMED);
	}
	if (most > sa->tfc_padding) {
		most = sa->tfc_padding;
	}
	return total > most ? total : most;
}
